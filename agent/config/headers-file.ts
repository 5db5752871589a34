/** A file of HTTP headers, so that credentials stand neither in the configuration nor in the environment. */

export interface Headers {
  readonly headers: Readonly<Record<string, string>>;
  /** `line N: what is wrong`; values are not repeated. */
  readonly faults: readonly string[];
}

/** One header a line, `Name: value`. Empty lines and lines that begin with `#` mean nothing. */
export function parseHeadersFile(text: string): Headers {
  const headers: Record<string, string> = {};
  const faults: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim();
    const value = line.slice(colon + 1).trim();
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) faults.push(`line ${index + 1}: expected Name: value`);
    else if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      faults.push(`line ${index + 1}: the value has characters that no header may have`);
    else headers[name.toLowerCase()] = value;
  }
  return { headers, faults };
}
