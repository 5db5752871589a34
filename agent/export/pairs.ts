/** What `key=value,key=value` meant, and what was wrong with it, told without the values. */
export interface Pairs {
  readonly pairs: Record<string, string>;
  readonly faults: readonly string[];
}

/**
 * Parses the list form of OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES: comma-separated, values
 * percent-encoded (W3C Baggage without its properties). Empty members are allowed.
 */
export function parsePairs(text: string): Pairs {
  const pairs: Record<string, string> = {};
  const faults: string[] = [];
  for (const [index, member] of text.split(',').entries()) {
    if (member.trim() === '') continue;
    const equals = member.indexOf('=');
    if (equals <= 0) {
      faults.push(`member ${index + 1} is not key=value`);
      continue;
    }
    try {
      pairs[decodeURIComponent(member.slice(0, equals).trim())] = decodeURIComponent(member.slice(equals + 1).trim());
    } catch {
      faults.push(`member ${index + 1} has a “%” that is not followed by two hex digits of UTF-8`);
    }
  }
  return { pairs, faults };
}
