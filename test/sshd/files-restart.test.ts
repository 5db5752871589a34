/** An agent that is stopped while a session works on files, and the next one that goes on. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import { gunzipSync } from 'node:zlib';
import type { KernelEvent } from '../../agent/decode/kernel-event.ts';
import { ProcessTable } from '../../agent/process/process-table.ts';
import { SshdModel } from '../../agent/sshd/sshd-model.ts';
import { decodeAll, ofKind, refText, sha256, type ToldConnection, tell } from '../helpers/model.ts';

const BOOT = '6f1d2c3b-4a59-4687-9e0d-1c2b3a495867';
const withBoot = (event: KernelEvent): KernelEvent => (event.kind === 'hello' ? { ...event, bootId: BOOT } : event);

const streamOf = (name: string): KernelEvent[] =>
  decodeAll(gunzipSync(readFileSync(join(import.meta.dirname, '..', 'streams', 'matrix', `${name}.ndjson.gz`)))).map(
    withBoot,
  );

function run(model: SshdModel, table: ProcessTable, events: readonly KernelEvent[]) {
  return events.flatMap((event) => table.apply(event).flatMap((change) => [...model.apply(change)]));
}

for (const name of ['9.2-sftp_int-exact', '9.2-sftp_ext-exact']) {
  test(`${name}: what was open goes on, and no session tells more for it`, () => {
    const stream = streamOf(name);
    const [hello] = stream;
    assert.ok(hello?.kind === 'hello');
    const [whole] = tell(stream).connections;
    assert.ok(whole);
    const text = (
      file: object & { ref: Parameters<typeof refText>[0]; endNs: bigint; readBytes?: bigint | undefined },
    ) => `${refText(file.ref)} ${file.endNs} ${file.readBytes}`;
    let goneOnWith = 0;
    const first = stream.findIndex(({ kind }) => kind === 'file');
    const last = stream.findLastIndex(({ kind }) => kind === 'file');
    for (let cut = first; cut <= last; cut++) {
      const before = { table: new ProcessTable(), model: new SshdModel({ sha256 }) };
      const told = run(before.model, before.table, stream.slice(0, cut));
      const { runs } = before.model.save();
      const processes = runs.flatMap(({ nodes }) => nodes.map(({ process }) => process));
      const saved = deserialize(serialize({ bootId: BOOT, processes, runs })) as {
        bootId: string;
        processes: typeof processes;
        runs: typeof runs;
      };
      goneOnWith += saved.runs[0]?.files?.open.length ?? 0;
      const after = { table: new ProcessTable(saved), model: new SshdModel({ sha256, saved }) };
      told.push(...run(after.model, after.table, [{ ...hello, tsNs: after.model.lastNs }, ...stream.slice(cut)]));
      const activities = told.flatMap((event) => (event.type === 'activity' ? [event.activity] : []));
      const got: ToldConnection = { facts: whole.facts, activities, closed: true };
      assert.deepEqual(ofKind(got, 'file').map(text), ofKind(whole, 'file').map(text), `cut ${cut}`);
      const sessions = ofKind(got, 'session').map(({ files }) => files);
      assert.deepEqual(
        sessions,
        ofKind(whole, 'session').map(({ files }) => files),
        `cut ${cut}`,
      );
    }
    assert.ok(goneOnWith > 1, String(goneOnWith));
  });
}
