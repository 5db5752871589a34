/** What a check found. */
export interface Finding {
  /** `ok`; `warn`: it works, but; `fail`: it does not work; `note`: not known, or of no matter here. */
  readonly level: 'ok' | 'note' | 'warn' | 'fail';
  readonly subject: string;
  readonly text: string;
  /** What mends it. */
  readonly remedy?: string | undefined;
}

export const ok = (subject: string, text: string): Finding => ({ level: 'ok', subject, text });
export const note = (subject: string, text: string): Finding => ({ level: 'note', subject, text });
export const warn = (subject: string, text: string, remedy?: string): Finding => ({
  level: 'warn',
  subject,
  text,
  remedy,
});
export const fail = (subject: string, text: string, remedy?: string): Finding => ({
  level: 'fail',
  subject,
  text,
  remedy,
});
