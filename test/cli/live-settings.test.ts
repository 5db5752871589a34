import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LiveSettings } from '../../agent/cli/live-settings.ts';
import { loadSettings } from '../../agent/cli/settings.ts';
import { parseFlags } from '../../agent/config/flags.ts';
import { OPTIONS } from '../../agent/config/options.ts';
import type { ExportOptions } from '../../agent/export/options.ts';
import { LogLines } from '../helpers/export-fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-live-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('headers that are replaced by themselves, also by turning a link as Kubernetes does, are in use soon; a bad file changes nothing', async () => {
  const link = join(folder, 'headers');
  const turn = (name: string, text: string): void => {
    writeFileSync(join(folder, name), text);
    symlinkSync(name, `${link}.new`);
    renameSync(`${link}.new`, link);
  };
  turn('1', 'x-key: one\n');
  const flags = parseFlags([`--headers-file=${link}`], [OPTIONS.headersFile], []);
  const logs = new LogLines();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:1' };
  const settings = new LiveSettings(() => loadSettings(flags, env, undefined), logs.log);
  const seen: ExportOptions[] = [];
  settings.onChange = ({ exporting }) => seen.push(exporting);
  assert.deepEqual(settings.current.exporting.headers, { 'x-key': 'one' });
  // The timer of `watch` does not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  const unwatch = settings.watch(5);
  turn('2', 'no header\n');
  await logs.line(/2? ?line 1: expected Name: value/);
  await logs.line(/the settings stay as they were/);
  assert.deepEqual(settings.current.exporting.headers, { 'x-key': 'one' });
  turn('3', 'x-key: three\n');
  await logs.line(/certificates or headers changed, and are in use/);
  assert.deepEqual(seen.at(-1)?.headers, { 'x-key': 'three' });
  unwatch();
  clearInterval(alive);
});

test('a file that can no longer be looked at is a mistake that is said and changes nothing', async () => {
  const path = join(folder, 'shut');
  writeFileSync(path, 'x-key: one\n');
  const flags = parseFlags([`--headers-file=${path}`], [OPTIONS.headersFile], []);
  const logs = new LogLines();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:1' };
  const settings = new LiveSettings(() => loadSettings(flags, env, undefined), logs.log);
  const alive = setInterval(() => {}, 1000);
  const unwatch = settings.watch(5);
  // It answers ELOOP, also to root, as a folder that may not be entered answers EACCES to others.
  symlinkSync(path, `${path}.new`);
  renameSync(`${path}.new`, path);
  await logs.line(/the settings stay as they were/);
  assert.deepEqual(settings.current.exporting.headers, { 'x-key': 'one' });
  unwatch();
  clearInterval(alive);
});
