import { statSync } from 'node:fs';
import { changeBetween } from '../config/config-change.ts';
import { ConfigError } from '../config/option.ts';
import { errorCode } from '../source/system-error.ts';
import { Exclusion } from '../span/exclusion.ts';
import type { Redactor } from '../span/redactor.ts';
import type { Log } from './log.ts';
import { exclusionOf, redactorOf, type Settings } from './settings.ts';

/** How often the files that the settings name are looked at. */
const WATCH_MS = 30_000;

/** Settings that name files whose content counts. */
const WATCHED = ['export.headersFile', 'export.certificate', 'export.clientCertificate', 'export.clientKey'] as const;
/** The same of metrics alone, which only the environment has. */
const WATCHED_VARIABLES = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].map(
  (name) => `OTEL_EXPORTER_OTLP_METRICS_${name}`,
);

/** Settings that change while the agent runs: at SIGHUP, and when a file of credentials does. */
export class LiveSettings {
  /** Follows the rules in force. */
  readonly redactor: Redactor;
  /** Follows the rules in force, keeps its counts. */
  readonly exclusion: Exclusion;
  /** Told the new settings. */
  onChange: ((settings: Settings) => void) | undefined;
  readonly #load: () => Settings;
  readonly #log: Log;
  #settings: Settings;
  #rules: Redactor;
  #fileTimes: string;

  /** @throws ConfigError */
  constructor(load: () => Settings, log: Log) {
    this.#load = load;
    this.#log = log;
    this.#settings = load();
    for (const warning of this.#settings.warnings) log('warn', warning);
    this.#rules = redactorOf(this.#settings.config);
    this.exclusion = new Exclusion(exclusionOf(this.#settings.config));
    this.#fileTimes = timesOf(this.#settings);
    this.redactor = {
      argv: (args, options) => this.#rules.argv(args, options),
      text: (text) => this.#rules.text(text),
      forUser: (name) => this.#rules.forUser?.(name) ?? this.#rules,
    };
  }

  get current(): Settings {
    return this.#settings;
  }

  /** Reads everything again. A mistake changes nothing, and is said. */
  reload(): void {
    const settings = this.#reread();
    if (settings === undefined) return;
    const { reloaded, needRestart } = changeBetween(this.#settings.config, settings.config);
    this.#apply(settings);
    this.#log(
      'info',
      `settings read again: ${reloaded.length === 0 ? 'none changed' : `${reloaded.join(', ')} changed`}`,
    );
    if (needRestart.length > 0)
      this.#log('warn', `changed, but in force only after a restart: ${needRestart.join(', ')}`);
  }

  /** Looks now and then whether certificates or headers were replaced; returns what ends it. */
  watch(everyMs = WATCH_MS): () => void {
    const timer = setInterval(() => {
      if (timesOf(this.#settings) === this.#fileTimes) return;
      const settings = this.#reread();
      if (settings === undefined) return;
      this.#apply(settings);
      this.#log('info', 'certificates or headers changed, and are in use');
    }, everyMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  #reread(): Settings | undefined {
    this.#fileTimes = timesOf(this.#settings);
    try {
      return this.#load();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) this.#log('warn', problem);
      this.#log('warn', 'the settings stay as they were');
      return undefined;
    }
  }

  #apply(settings: Settings): void {
    this.#settings = settings;
    this.#fileTimes = timesOf(settings);
    this.#rules = redactorOf(settings.config);
    this.exclusion.set(exclusionOf(settings.config));
    for (const warning of settings.warnings) this.#log('warn', warning);
    this.onChange?.(settings);
  }
}

/** Changes when a file's content may have: also where a link to it was turned, as Kubernetes does. */
function timesOf({ config }: Settings): string {
  const { environment } = config;
  const paths = [...WATCHED.map((name) => config.get(name)), ...WATCHED_VARIABLES.map((name) => environment[name])];
  const stamps = paths.map((path) => {
    if (typeof path !== 'string' || path === '') return '';
    return `${path}:${stampOf(path)}`;
  });
  return stamps.join('\n');
}

/** A file that cannot be looked at has a stamp, too: reading it tells what is wrong. */
function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch (error) {
    return errorCode(error) ?? 'unknown error';
  }
}
