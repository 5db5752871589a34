/** What a reload changes. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { type SettingName, specOf } from './settings.ts';

export interface ConfigChange {
  /** In force at once. */
  readonly reloaded: readonly SettingName[];
  /** In force after a restart only. */
  readonly needRestart: readonly SettingName[];
}

export function changeBetween(before: Config, after: Config): ConfigChange {
  const old = new Map(before.entries().map(({ name, value }) => [name, value]));
  const changed = after.entries().filter(({ name, value }) => !isDeepStrictEqual(value, old.get(name)));
  return {
    reloaded: changed.map(({ name }) => name).filter((name) => specOf(name).reload),
    needRestart: changed.map(({ name }) => name).filter((name) => !specOf(name).reload),
  };
}
