/**
 * Records the demo's scenes as streams for tests: `node test/live/record-story.ts [--root DIR] [--producer NAME] [SCENE…]`.
 * Needs root. Each stream is the producer's own bytes but for the names of the machine in `hello`; what the witnesses said
 * stands in front of it as comments. Existing files are replaced.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { ClientRun } from '../../agent/lab/client-process.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { SCENES, type Scene } from '../../agent/lab/scenes.ts';
import { attemptsOfTranscript } from './comparator.ts';
import { PRODUCERS, startTracing } from './tracing.ts';
import { parseTranscript } from './witness/client-transcript.ts';

const FOLDER = fileURLToPath(new URL('../streams', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { root: { type: 'string' }, producer: { type: 'string', default: 'libbpf' } },
});

for (const scene of SCENES) {
  if (positionals.length > 0 && !positionals.includes(scene.name)) continue;
  const path = await record(scene);
  process.stdout.write(`${path}\n`);
}

async function record(scene: Scene): Promise<string> {
  const producer = PRODUCERS.find((name) => name === values.producer);
  if (producer === undefined) throw new Error(`--producer: one of ${PRODUCERS.join(', ')}`);
  const lab = await startLab({ root: values.root });
  try {
    const version = await versionOf(lab);
    // The look at the version was a connection of its own; it shall not be in the stream.
    await lab.settled();
    const logged = lab.log().length;
    const tracing = await startTracing(lab, producer);
    const runs = await scene.play(lab).finally(() => lab.settled());
    await tracing.traces(1);
    await tracing.stop();
    const comments = [
      `OpenSSH ${version}, ${producer}: ${scene.story}`,
      `keys: good ${lab.keys.good.fingerprint}, old laptop ${lab.keys.oldLaptop.fingerprint}, workstation ${lab.keys.workstation.fingerprint}`,
      ...runs.flatMap(clientLines),
      ...lab
        .log()
        .slice(logged)
        .map((line) => `${line.program}[${line.pid ?? ''}] logged: ${line.text}`),
    ];
    const stream = anonymous(tracing.stream().toString('latin1'));
    const infix = producer === 'libbpf' ? '' : `${producer}-`;
    const path = `${FOLDER}/${version}-${infix}${scene.name}.ndjson.gz`;
    const head = comments.map((line) => `# ${JSON.stringify(line).slice(1, -1).replaceAll('\\"', '"')}\n`).join('');
    writeFileSync(path, gzipSync(head + stream, { level: 9 }));
    return path;
  } finally {
    await lab.stop();
  }
}

function clientLines(run: ClientRun, index: number): string[] {
  const transcript = parseTranscript(run.stderr);
  const end = run.exitCode === undefined ? `killed by ${run.signal}` : `exit ${run.exitCode}`;
  return [
    ...attemptsOfTranscript(transcript).map((line) => `client ${index + 1} tried: ${line}`),
    ...transcript.commands.map((line) => `client ${index + 1} asked for: ${line}`),
    `client ${index + 1} ended: ${end}`,
  ];
}

/** For instance `9.2`. */
async function versionOf(lab: Lab): Promise<string> {
  const { stderr } = await lab.ssh({ command: 'true' });
  const version = /remote software version OpenSSH_(\d+\.\d+)/.exec(stderr)?.[1];
  if (version === undefined) throw new Error(`the server did not tell its version: ${stderr}`);
  return version;
}

/** Ids depend on the boot id: one that every recording has makes golden files that do not change with it. */
function anonymous(stream: string): string {
  return stream
    .replace(/"boot_id":"[^"]*"/g, '"boot_id":"00000000-0000-4000-8000-000000000000"')
    .replace(/"machine_id":"[^"]*"/g, `"machine_id":"${'0'.repeat(32)}"`)
    .replace(/"host":"[^"]*"/g, `"host":"${Buffer.from('lab').toString('hex')}"`);
}
