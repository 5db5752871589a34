/** Writes deploy/kubernetes/sshd-otel.yaml, or prints the chart with other values. Usage: render.ts [VALUES.yaml] */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../package/bundle.ts';
import { renderManifest, type Values } from './chart.ts';

/** The chart's defaults, for those who don't use helm. */
export const MANIFEST = join(ROOT, 'deploy/kubernetes/sshd-otel.yaml');

const HEAD = `# Made from deploy/helm/sshd-otel by make manifests; do not edit. Name your image before you apply it:
#   kubectl create namespace sshd-otel
#   kubectl label namespace sshd-otel pod-security.kubernetes.io/enforce=privileged
#   sed 's,registry.example.com/sshd-otel,REGISTRY/NAME,' sshd-otel.yaml | kubectl apply -f -
`;

/** Text that the manifest should have. */
export async function plainManifest(): Promise<string> {
  return `${HEAD}${await renderManifest()}`;
}

if (import.meta.main) {
  const file = process.argv[2];
  if (file === undefined) writeFileSync(MANIFEST, await plainManifest());
  else process.stdout.write(await renderManifest(parse(readFileSync(file, 'utf8')) as Values));
}
