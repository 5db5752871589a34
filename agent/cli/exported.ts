import type { ExportOptions } from '../export/options.ts';
import { printableUrl } from '../export/printable.ts';
import { RESOURCE } from '../span/attributes.ts';
import type { ResourceRecord } from '../span/span-record.ts';

/** How many spans a collector has taken, and how to find them again. */
export function exportedLine(exported: number, options: ExportOptions, resource: ResourceRecord): string {
  const told = options.resourceAttributes[RESOURCE.serviceName] ?? resource.attributes[RESOURCE.serviceName];
  const service = options.serviceName ?? told;
  const line = `${exported} spans exported to ${printableUrl(options.url)}`;
  if (exported === 0 || service === undefined) return line;
  return `${line}; find them in Jaeger as service ${service}, in Tempo by {resource.service.name=${JSON.stringify(service)}}`;
}
