/** Requests of the SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02), with bytes that OpenSSH's client would not send. */

export type SftpRequest =
  | { readonly type: 'remove' | 'mkdir' | 'create'; readonly path: Buffer }
  | { readonly type: 'posix-rename'; readonly path: Buffer; readonly to: Buffer }
  | { readonly type: 'write'; readonly handle: number; readonly data: Buffer };

const INIT = 1;
const OPEN = 3;
const WRITE = 6;
const REMOVE = 13;
const MKDIR = 14;
const EXTENDED = 200;
const STATUS = 101;
const HANDLE = 102;
const FLAGS_WRITE_CREATE = 2 | 8;
const NO_ATTRIBUTES = uint32(0);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function string(bytes: Buffer | string): Buffer {
  const data = Buffer.from(bytes);
  return Buffer.concat([uint32(data.length), data]);
}

function packet(type: number, ...fields: readonly Buffer[]): Buffer {
  return string(Buffer.concat([Buffer.from([type]), ...fields]));
}

function body(request: SftpRequest): readonly [type: number, ...fields: Buffer[]] {
  switch (request.type) {
    case 'remove':
      return [REMOVE, string(request.path)];
    case 'mkdir':
      return [MKDIR, string(request.path), NO_ATTRIBUTES];
    case 'create':
      return [OPEN, string(request.path), uint32(FLAGS_WRITE_CREATE), NO_ATTRIBUTES];
    case 'posix-rename':
      return [EXTENDED, string('posix-rename@openssh.com'), string(request.path), string(request.to)];
    case 'write':
      // OpenSSH's server numbers its handles from 0; the offset has 64 bits.
      return [WRITE, string(uint32(request.handle)), uint32(0), uint32(0), string(request.data)];
  }
}

/** What a client sends in all: the greeting, then each request, without waiting for an answer. */
export function sftpRequests(requests: readonly SftpRequest[]): Buffer {
  const packets = requests.map((request, id) => {
    const [type, ...fields] = body(request);
    return packet(type, uint32(id), ...fields);
  });
  return Buffer.concat([packet(INIT, uint32(3)), ...packets]);
}

/** How the answer to the last request begins, as Latin-1. */
export function answerTo(requests: readonly SftpRequest[]): string {
  const type = requests.at(-1)?.type === 'create' ? HANDLE : STATUS;
  return Buffer.concat([Buffer.from([type]), uint32(requests.length - 1)]).toString('latin1');
}
