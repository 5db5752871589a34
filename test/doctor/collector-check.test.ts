import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { checkCollector } from '../../agent/doctor/collector-check.ts';
import type { Finding } from '../../agent/doctor/finding.ts';
import { DEFAULT_EXPORT_OPTIONS, type ExportOptions } from '../../agent/export/options.ts';
import { runChild } from '../../agent/source/child-process.ts';

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const check = (url: string, more: Partial<ExportOptions> = {}): Promise<Finding> =>
  checkCollector({ ...DEFAULT_EXPORT_OPTIONS, timeoutMs: 2_000, url, ...more });

const answering =
  (status: number): RequestListener =>
  (_, response) =>
    response.writeHead(status).end();

describe('collector check', () => {
  test('without a collector there is nothing to ask', async () => {
    assert.equal((await check('http://127.0.0.1:1', { enabled: false })).level, 'note');
  });

  test('sends no span, with the configured headers', async () => {
    const request = Promise.withResolvers<{ message: IncomingMessage; body: string }>();
    const where = await listen(
      createHttpServer(async (message, response) => {
        let body = '';
        for await (const chunk of message) body += chunk;
        request.resolve({ message, body });
        response.end('{}');
      }),
    );
    const finding = await check(`http://${where}/v1/traces`, { headers: { authorization: 'Bearer secret' } });
    assert.deepEqual(finding, { level: 'ok', subject: 'collector', text: `http://${where}/v1/traces answers` });
    const { message, body } = await request.promise;
    assert.equal(message.method, 'POST');
    assert.equal(message.headers.authorization, 'Bearer secret');
    assert.deepEqual(JSON.parse(body), { resourceSpans: [] });
  });

  for (const [status, level, expected] of [
    [401, 'fail', /credentials/],
    [403, 'fail', /credentials/],
    [404, 'fail', /path/],
    [415, 'fail', /encoding/],
    [301, 'fail', /elsewhere/],
    [429, 'warn', /overloaded/],
    [503, 'warn', /overloaded/],
    [400, 'fail', /status 400/],
  ] as const) {
    test(`tells status ${status} apart`, async () => {
      const finding = await check(`http://${await listen(createHttpServer(answering(status)))}/v1/traces`);
      assert.equal(finding.level, level);
      assert.match(finding.text, expected);
      if (level === 'fail') assert.ok(finding.remedy);
    });
  }

  test('nobody there, and a name that does not exist', async () => {
    assert.match((await check('http://127.0.0.1:1/v1/traces')).text, /^nothing listens at/);
    assert.match((await check('http://no-such-host.invalid/v1/traces')).text, /does not resolve|cannot be reached/);
  });

  test('one that never answers', async () => {
    const where = await listen(createTcpServer(() => undefined));
    assert.match((await check(`http://${where}/`, { timeoutMs: 200 })).text, /does not answer in time/);
  });

  test('one that speaks something else', async () => {
    const where = await listen(createTcpServer((socket) => socket.end('\0\0\x12\x04gRPC')));
    assert.match((await check(`http://${where}/`)).text, /does not speak HTTP/);
  });

  test('no TLS where it is asked for', async () => {
    const where = await listen(createHttpServer(answering(200)));
    assert.match((await check(`https://${where}/`)).text, /^no TLS with/);
  });

  test('a certificate that nobody vouches for, until its authority is named', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
    const made = await runChild(
      {
        command: 'openssl',
        args: [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
          ...['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile],
        ],
      },
      20_000,
    );
    if (made.code !== 0) return t.skip(`openssl ${made.reason}`);
    const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
    const where = await listen(createHttpsServer({ key, cert }, answering(200)));
    assert.match((await check(`https://${where}/`)).text, /certificate .* is not trusted/);
    assert.equal((await check(`https://${where}/`, { tls: { ca: cert } })).level, 'ok');
  });

  test('does not repeat what a URL may hold of secrets', async () => {
    assert.ok(!(await check('http://user:hunter2@127.0.0.1:1/')).text.includes('hunter2'));
  });
});
