import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { STACK_LIMIT, stacksOf } from './bpf-stack.ts';
import { PROGRAM } from './producer.ts';

const OBJECTS = ['sshd-otel.bpf.o', 'sshd-otel-old.bpf.o'];
const NEEDED = [
  'each_task',
  'on_enter',
  'on_exec',
  'on_exit',
  'on_fork',
  'on_send',
  'on_stream',
  'on_sys_exit',
  'on_tcp',
];

/** Frames of 200, 300 and 8 bytes; the first two are touched only by a pointer that a helper gets. */
const SAMPLE = `
#define SEC(name) __attribute__((section(name), used))
static long (*read_kernel)(void *to, unsigned size, const void *from) = (void *)113;
static long (*pid)(void) = (void *)14;
__attribute__((noinline)) int leaf(long x)
{
	volatile long v = x;
	return v;
}
__attribute__((noinline)) static int middle(void *from)
{
	char room[296];
	read_kernel(room, sizeof(room), from);
	return leaf(pid());
}
SEC("tp_btf/one") int one(void **context)
{
	char room[200];
	read_kernel(room, sizeof(room), context[1]);
	return middle(context[0]) + leaf(room[0]);
}
SEC("tp_btf/two") int two(void **context)
{
	return pid();
}
`;

describe('the stack that programs take, by the addresses in their code', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sshd-otel-stack-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('of a chain of calls the frames are summed, each rounded up to 32 bytes', async () => {
    const [source, object] = [join(folder, 'sample.c'), join(folder, 'sample.o')];
    await writeFile(source, SAMPLE);
    execFileSync('clang', ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', '-c', source, '-o', object]);
    const [one, two] = stacksOf(await readFile(object));
    assert.deepEqual(one, { program: 'one', stack: 224 + 320 + 32, path: 'one 200 > middle 296 > leaf 8' });
    assert.deepEqual(two, { program: 'two', stack: 32, path: 'two 0' });
  });

  for (const name of OBJECTS) {
    const file = join(dirname(PROGRAM), name);
    test(`${name}: no program takes more than old kernels allow`, {
      skip: existsSync(file) ? false : `${file} is not built: make -C ebpf`,
    }, async () => {
      const chains = stacksOf(await readFile(file));
      const found = new Set(chains.map((chain) => chain.program));
      assert.deepEqual(
        NEEDED.filter((program) => !found.has(program)),
        [],
      );
      assert.deepEqual(
        chains.filter((chain) => chain.stack > STACK_LIMIT),
        [],
      );
    });
  }
});
