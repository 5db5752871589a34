/** Programs of others that `make verify-examples` fetches from Debian. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const TOOLS = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sshd-otel/tools');
export const COMPOSE = join(TOOLS, 'compose/usr/libexec/docker/cli-plugins/docker-compose');
export const PROMTOOL = join(TOOLS, 'prometheus/usr/bin/promtool');

/** Why it cannot be asked; undefined: it can. */
export function whyNoTool(path: string): string | undefined {
  return existsSync(path) ? undefined : `no ${path.split('/').at(-1)}: make verify-examples`;
}
