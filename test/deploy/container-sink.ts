/** The checking sink inside a container's network, and what has arrived there. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Container } from './container.ts';

/** A span as the sink tells it; times are left out. */
export interface ToldSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface Arrived {
  readonly span: ToldSpan;
  /** Header of the request that brought it. */
  readonly authorization?: string | undefined;
}

export interface ContainerSink {
  readonly endpoint: string;
  readonly arrived: readonly Arrived[];
  /** The first arrived span, past or to come, of which `test` holds. @throws Error after 30 s */
  wait(what: string, test: (span: ToldSpan) => boolean): Promise<Arrived>;
  stop(): Promise<unknown>;
}

const PROGRAM = fileURLToPath(new URL('sink-process.ts', import.meta.url));
const WAIT_MS = 30_000;

export async function startContainerSink(container: Pick<Container, 'startOutside'>): Promise<ContainerSink> {
  const child = container.startOutside(process.execPath, [PROGRAM]);
  const arrived: Arrived[] = [];
  const looks = new Set<() => void>();
  const endpoint = Promise.withResolvers<string>();
  if (child.stdout === undefined) throw new Error('the sink could not be started');
  createInterface({ input: child.stdout }).on('line', (line) => {
    const told = JSON.parse(line) as Partial<Arrived> & { readonly endpoint?: string };
    if (told.endpoint !== undefined) endpoint.resolve(told.endpoint);
    if (told.span !== undefined) arrived.push(told as Arrived);
    for (const look of looks) look();
  });
  void child.exited.then(({ reason }) => endpoint.reject(new Error(`the sink ${reason}\n${child.stderrTail()}`)));
  return {
    endpoint: await endpoint.promise,
    arrived,
    wait: (what, test) =>
      new Promise((resolve, reject) => {
        const names = () => arrived.map(({ span }) => span.name).join(', ');
        const timer = setTimeout(() => finish(() => reject(new Error(`no ${what}; came: ${names()}`))), WAIT_MS);
        const look = () => {
          const found = arrived.find(({ span }) => test(span));
          if (found !== undefined) finish(() => resolve(found));
        };
        const finish = (then: () => void) => {
          clearTimeout(timer);
          looks.delete(look);
          then();
        };
        looks.add(look);
        look();
      }),
    stop: () => child.stop(),
  };
}
