/** Results of cells, kept between runs beside the servers, one file each. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FactKind, Unknowable } from './facts.ts';
import { cacheFolder } from './servers.ts';

export interface CellResult {
  readonly scenario: string;
  /** `9.2`. */
  readonly server: string;
  /** `OpenSSH_9.2p1 …` */
  readonly version: string;
  readonly producer: string;
  readonly right: number;
  readonly wrong: readonly string[];
  readonly missing: readonly string[];
  readonly unknowable: Readonly<Partial<Record<Unknowable, number>>>;
  readonly kinds: Readonly<Partial<Record<FactKind, number>>>;
  /** It could not be played on this server, for this reason. */
  readonly skipped?: string | undefined;
  /** It was not played to its end, or its witnesses contradict each other. */
  readonly failed?: string | undefined;
  /** It was played a second time, alone: at first the machine was too busy. */
  readonly replayed?: boolean | undefined;
}

/** At least one fact, and none of them wrong or missing. */
export function isGreen(cell: CellResult): boolean {
  if (cell.failed !== undefined) return false;
  return cell.skipped !== undefined || (cell.right > 0 && cell.wrong.length === 0 && cell.missing.length === 0);
}

const FINISHED = 'finished';

export class Results {
  readonly #folder = join(dirname(cacheFolder()), 'results');

  constructor() {
    mkdirSync(this.#folder, { recursive: true });
  }

  /** Forgets all, if the last whole run came to its end: the next one starts anew. */
  begin(): void {
    if (!existsSync(join(this.#folder, FINISHED))) return;
    rmSync(this.#folder, { recursive: true });
    mkdirSync(this.#folder, { recursive: true });
  }

  /** A whole run has come to its end. */
  finish(): void {
    writeFileSync(join(this.#folder, FINISHED), '');
  }

  has(scenario: string, server: string, producer: string): boolean {
    return existsSync(this.#path(scenario, server, producer));
  }

  put(cell: CellResult): void {
    writeFileSync(this.#path(cell.scenario, cell.server, cell.producer), `${JSON.stringify(cell, null, 1)}\n`);
  }

  all(): CellResult[] {
    const names = readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
    return names.map((name) => JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as CellResult);
  }

  #path(scenario: string, server: string, producer: string): string {
    return join(this.#folder, `${scenario}.${server}.${producer}.json`);
  }
}
