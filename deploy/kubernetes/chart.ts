/** The Helm chart, rendered as helm would: values laid over the defaults, checked by the schema, put into the templates. */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { parse } from 'yaml';
import { startChild } from '../../agent/source/child-process.ts';
import { ROOT } from '../package/bundle.ts';
import { run } from '../package/run.ts';

export const CHART = join(ROOT, 'deploy/helm/sshd-otel');
/** Name and namespace of the release in the plain manifest. */
export const RELEASE = 'sshd-otel';

const GO = '/usr/share/gocode';
const LIBRARIES = ['github.com/Masterminds/sprig', 'sigs.k8s.io/yaml'];
const SOURCE = join(ROOT, 'deploy/kubernetes/render.go');
/** Helm installs by kind, in this order. */
const ORDER = ['serviceaccount.yaml', 'configmap.yaml', 'daemonset.yaml'];

export type Values = { readonly [name: string]: unknown };

/** Why the chart can't be rendered here; undefined: it can. */
export async function whyNoRenderer(): Promise<string | undefined> {
  const missing = LIBRARIES.filter((path) => !existsSync(join(GO, 'src', path)));
  const go = await run('sh', ['-c', 'command -v go || true']);
  if (go === '' || missing.length > 0)
    return 'no Go, or not its libraries: golang-go golang-github-masterminds-sprig-dev golang-k8s-sigs-yaml-dev';
  return undefined;
}

/** Defaults with `given` over them: maps are merged, null removes a default, all else replaces it. */
export function withDefaults(given: Values): Values {
  return merge(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Values, given);
}

function merge(below: Values, above: Values): Values {
  const merged: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    if (isMap(value) && isMap(below[name])) merged[name] = merge(below[name], value);
    else if (value === null) delete merged[name];
    else merged[name] = value;
  }
  return merged;
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the schema says against complete values, each as `/path: why`. */
export function faultsOf(values: Values): string[] {
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  const validate = ajv.compile(JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as object);
  validate(values);
  return (validate.errors ?? []).map(faultOf);
}

function faultOf({ instancePath, message, params }: ErrorObject): string {
  const name = (params as { readonly additionalProperty?: string }).additionalProperty;
  return `${instancePath}${name === undefined ? '' : `/${name}`}: ${message}`;
}

/**
 * Every template's text by its name, NOTES.txt too.
 * @throws Error with what the schema or a template says against the values
 */
export async function renderChart(given: Values = {}, namespace = RELEASE): Promise<ReadonlyMap<string, string>> {
  const values = withDefaults(given);
  const faults = faultsOf(values);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  const child = startChild({ command: await renderer(), args: [], stdin: 'pipe' });
  child.stdin?.end(JSON.stringify({ chart: CHART, values, release: RELEASE, namespace }));
  let output = '';
  for await (const chunk of child.stdout ?? []) output += (chunk as Buffer).toString('utf8');
  const { code, reason } = await child.exited;
  if (code !== 0) throw new Error(`the renderer ${reason}: ${child.stderrTail()}`);
  return new Map(Object.entries(JSON.parse(output) as Record<string, string>));
}

/** The chart as one file for kubectl. */
export async function renderManifest(given: Values = {}): Promise<string> {
  const rendered = await renderChart(given);
  return ORDER.map((name) => {
    const text = rendered.get(name)?.trim() ?? '';
    return text === '' ? '' : `---\n# Source: sshd-otel/templates/${name}\n${text}\n`;
  }).join('');
}

/** Built when its source has changed. @returns its path */
async function renderer(): Promise<string> {
  const program = join(ROOT, '.output/render-chart');
  if (existsSync(program) && statSync(program).mtimeMs > statSync(SOURCE).mtimeMs) return program;
  const draft = `${program}.${process.pid}`;
  mkdirSync(join(ROOT, '.output'), { recursive: true });
  await run('go', ['build', '-trimpath', '-o', draft, SOURCE], { GO111MODULE: 'off', GOPATH: GO, GOFLAGS: '' });
  renameSync(draft, program);
  return program;
}
