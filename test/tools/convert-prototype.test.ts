import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';
import { loadStream, streamNames } from '../helpers/streams.ts';
import { convertStream, RECORDINGS, type Recording } from './convert-prototype.ts';
import { convertRecord, parsePrototype } from './prototype-record.ts';

const RECORDING: Recording = { source: 'a', target: 'a-story', privsep: true, bootId: 'b' };
const CLOCK = '{"k":"clock","ts":10,"wall":1795511838462248105}';

function convert(line: string): Record<string, unknown> {
  return JSON.parse(JSON.stringify(convertRecord(parsePrototype(line), new Map())));
}

describe('converting the prototype recordings', () => {
  it('keeps 64-bit values exact, as strings', () => {
    assert.deepEqual(convert(CLOCK), { k: 'clock', ts: '10', wall: '1795511838462248105' });
  });

  it('names roles and leaves out what was not known', () => {
    const exec = convert('{"k":"exec","ts":1,"pid":2,"start":1,"conn":[2,1],"role":3,"cpu":1,"luid":-1,"argv":"00"}');
    assert.deepEqual(exec, {
      k: 'exec',
      ts: '1',
      cpu: 1,
      pid: 2,
      start: '1',
      conn: [2, '1'],
      role: 'program',
      argv: '00',
    });
  });

  it('gives the sockets of two connections different numbers even at one address', () => {
    const cookies = new Map<string, number>();
    const tcp = (pid: number) =>
      convertRecord(
        parsePrototype(
          `{"k":"tcp","ts":1,"pid":${pid},"start":1,"conn":[${pid},1],"sk":"ffff88","local_port":0,"retrans":0}`,
        ),
        cookies,
      );
    const records = [tcp(1), tcp(1), tcp(2)];
    assert.deepEqual(
      records.map(({ sk }) => sk),
      ['1', '1', '2'],
    );
    assert.deepEqual(
      records.map(({ local_port }) => local_port),
      [undefined, undefined, undefined],
    );
  });

  it('refuses kinds that it has no rule for', () => {
    assert.throws(() => convert('{"k":"bytes","ts":1}'), /no rule/);
  });

  it('opens and ends the stream and keeps the story', () => {
    const fork = '{"k":"fork","ts":12,"pid":1,"start":1,"role":1,"child":2,"child_start":11,"uid":0,"sid":1}';
    const lines = convertStream(`# story\n${CLOCK}\n${fork}\n`, RECORDING).split('\n');
    assert.equal(lines[0], '# story');
    const kinds = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line).k);
    assert.deepEqual(kinds, ['hello', 'clock', 'seed-end', 'fork', 'end']);
  });

  it('leaves out frames that cannot be monitor messages, and says so', () => {
    const mon = '{"k":"mon","ts":12,"pid":1,"start":1,"type":7,"len":1}';
    const text = convertStream(`${CLOCK}\n${mon}\n`, { ...RECORDING, privsep: false });
    assert.doesNotMatch(text, /"k":"mon"/);
    assert.match(text, /^# 1 "mon" records were left out/m);
  });

  it('made every stream of the repository readable without a fault', () => {
    const converted = streamNames().filter((name) => RECORDINGS.some(({ target }) => target === name));
    assert.equal(converted.length, RECORDINGS.length);
    for (const name of converted) {
      const decoder = new StreamDecoder();
      const events = [...decoder.push(loadStream(name)), ...decoder.end()];
      assert.deepEqual(decoder.errors, [], name);
      assert.equal(decoder.counters.late, 0, name);
      assert.equal(events[0]?.kind, 'hello', name);
      assert.equal(events.at(-1)?.kind, 'end', name);
      assert.equal(events.filter(({ kind }) => kind === 'accept').length, 16, name);
    }
  });
});
