/** Finds records of the libbpf producer. */
import type { Row } from './producer.ts';

/** Records of the connection that this `accept` opened. */
export const ofConnection = (rows: readonly Row[], accept: Row): Row[] =>
  rows.filter((row) => JSON.stringify(row['conn']) === JSON.stringify([accept['pid'], accept['start']]));

/** Whether a record is the `accept` of a connection to this port. */
export const acceptAt = (port: number) => (row: Row) => row.k === 'accept' && row['local_port'] === port;
/** Whether a record is the exit of the process that another is about. */
export const exitOf = (one: Row) => (row: Row) =>
  row.k === 'exit' && row['pid'] === one['pid'] && row['start'] === one['start'];
