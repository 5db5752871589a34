/** The agent as one file with its source map, for packages that bring their own Node. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** The folder of this repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Two folders below the installed package's root, as the compiled sources are: paths relative to it stay right. */
export const BUNDLE = 'agent/bundle/sshd-otel.js';

/** Some of what is bundled is CommonJS and asks for Node's modules by `require`. */
const BANNER =
  "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);";

/**
 * Writes bundle, map and the package.json that tells the version.
 * @returns folders of the npm packages inside
 */
export async function writeBundle(folder: string, version: string): Promise<readonly string[]> {
  const outfile = join(folder, BUNDLE);
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['agent/main.ts'],
    outfile,
    write: false,
    bundle: true,
    preserveSymlinks: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    banner: { js: BANNER },
    metafile: true,
    logLevel: 'warning',
  });
  mkdirSync(dirname(outfile), { recursive: true });
  for (const { path, text } of outputFiles)
    writeFileSync(path, path.endsWith('.map') ? withPlainSources(text, dirname(outfile)) : withoutInterpreter(text));
  const manifest = { name: 'sshd-otel', version, type: 'module' };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest)}\n`);
  return packagesOf(Object.keys(metafile.inputs));
}

/** The bundle is never started by itself; the line stays, so that the map fits. */
function withoutInterpreter(text: string): string {
  return text.replace(/^#!.*/, '//');
}

/** Sources by their place in this repository, wherever it was built. */
function withPlainSources(map: string, folder: string): string {
  const parsed = JSON.parse(map) as { sources: string[] };
  const sources = parsed.sources.map((source) => resolve(folder, source).replace(`${ROOT}/`, ''));
  return JSON.stringify({ ...parsed, sources });
}

function packagesOf(inputs: readonly string[]): string[] {
  const folders = inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/** Licence texts of npm packages, for whoever gets their code with ours. */
export function licenceTexts(folders: readonly string[]): string {
  return folders
    .map((folder) => {
      const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as Record<string, unknown>;
      const file = readdirSync(join(ROOT, folder)).find((name) => /^licen[sc]e/i.test(name));
      const text = file === undefined ? 'No text of its own.' : readFileSync(join(ROOT, folder, file), 'utf8');
      return `${manifest['name']} ${manifest['version']}: ${manifest['license']}\n\n${text.trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
