import type { z } from 'zod';

/** One thing that can be set. Its name is its path in the file, sections joined by dots. */
export interface SettingSpec {
  /** What a value in the file must be. */
  readonly schema: z.ZodType;
  /** The same for people, as it follows `expected`. */
  readonly expected: string;
  /** In force where nobody says otherwise. */
  readonly fallback?: string | number | boolean;
  /** Said in its place where the fallback is no plain value. */
  readonly fallbackText?: string;
  /** Option of the command line, without the dashes. */
  readonly flag?: string;
  /** Environment variables; the first that is set counts, and wins over the file. */
  readonly env?: readonly string[];
  /** A variable that, where set, takes the place of this setting without being the same thing. */
  readonly yieldsTo?: string;
  /** SIGHUP brings a new value into force; else a restart does. */
  readonly reload: boolean;
  /** Never printed: `all` of it, the `values` of a map, or what a `url` may hold. */
  readonly secret?: 'all' | 'values' | 'url';
  /** One sentence without a full stop, or several with `; ` between them. */
  readonly help: string;
}

/** Where a value in force came from, strongest first. */
export type Origin = 'flag' | 'environment' | 'file' | 'default';
