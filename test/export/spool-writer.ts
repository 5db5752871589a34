/** A process to be killed: writes spans to the spool in a folder and says the number of each batch that is on disk. */
import { writeSync } from 'node:fs';
import { openSpool } from '../../agent/export/spool.ts';
import { RESOURCE, singleSpans } from '../helpers/export-fixtures.ts';

const [folder = '', first = '0'] = process.argv.slice(2);
const opened = openSpool({ folder, maxBytes: 64 * 1024 * 1024, maxAgeMs: 3_600_000 }, () => {}, Date.now);
for (let batch = Number(first); opened !== undefined; batch++) {
  const refs = opened.spool.append(singleSpans(20, 1, batch * 20), RESOURCE, batch % 5);
  if (refs === undefined) break;
  writeSync(1, `${batch}\n`);
}
