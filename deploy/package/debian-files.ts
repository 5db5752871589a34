/** Texts that a Debian package has to bring. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './bundle.ts';
import type { Architecture } from './node-binary.ts';
import type { Built } from './tree.ts';

const MAINTAINER = 'sshd-otel maintainers <maintainers@users.noreply.r-seed-06b45864.example>';

/** What Node's official binary is linked with (glibc 2.28), and what the units need (LoadCredential, kill). */
const DEPENDS =
  'libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 8), systemd (>= 247), procps, init-system-helpers (>= 1.54)';

export function control(architecture: Architecture, version: string, kilobytes: number): string {
  return `Package: sshd-otel
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${kilobytes}
Depends: ${DEPENDS}
Enhances: openssh-server
Section: admin
Priority: optional
Description: OpenTelemetry traces of OpenSSH servers, from the outside
 Watches stock OpenSSH servers with eBPF and tells what every login, session and
 command did and how long it took, as OpenTelemetry traces: handshake, each
 authentication attempt with its key, each AuthorizedKeysCommand, sessions, and
 every program with its arguments and exit status. sshd is neither rebuilt nor
 reconfigured.
 .
 Two services share the work: one observes the kernel with two capabilities and
 no network, the other makes and sends traces with no right at all.
${architecture === 'arm64' ? ' .\n This build for arm64 has been built and never been run.\n' : ''}`;
}

/** The entries of CHANGELOG.md that are newest, as Debian wants them. */
export function changelog({ version, epoch }: Built): string {
  const newest = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').split(/^## /m)[1] ?? '';
  const entries = newest.split(/^- /m).slice(1);
  const lines = entries.flatMap((entry) => wrapped(entry.split('\n\n')[0] ?? ''));
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `sshd-otel (${version}) unstable; urgency=medium\n\n${lines.join('\n')}\n\n -- ${MAINTAINER}  ${date}\n`;
}

function wrapped(entry: string): string[] {
  const lines = [''];
  for (const word of entry.replaceAll('`', '').trim().split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length > 72) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line, i) => `${i === 0 ? '  * ' : '    '}${line}`);
}

export function copyright(): string {
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: sshd-otel
Comment: Texts of the licences of Node.js and of the npm packages in the bundle are in third-party-licences.txt.gz.

Files: *
Copyright: 2026 sshd-otel maintainers
License: Apache-2.0

Files: usr/lib/sshd-otel/sshd-otel-producer usr/lib/sshd-otel/sshd-otel.bt
Copyright: 2026 sshd-otel maintainers
License: GPL-2.0-only or BSD-2-Clause
Comment: Linked statically with libbpf (LGPL-2.1 or BSD-2-Clause), libelf of elfutils (LGPL-3+ or GPL-2+), zlib (Zlib)
 and glibc (LGPL-2.1+), all as Debian builds them; their sources are Debian's.

Files: usr/lib/sshd-otel/node
Copyright: Node.js contributors, Joyent, and those named in its LICENSE
License: Expat

License: Apache-2.0
 On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.

License: GPL-2.0-only or BSD-2-Clause
 On Debian systems the full text of the GPL is in /usr/share/common-licenses/GPL-2.
 .
 Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
 following conditions are met: 1. Redistributions of source code must retain the above copyright notice, this list of
 conditions and the following disclaimer. 2. Redistributions in binary form must reproduce the above copyright notice,
 this list of conditions and the following disclaimer in the documentation and/or other materials provided with the
 distribution.
 .
 THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
 INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
 DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
 SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
 SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
 WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
 THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

License: Expat
 See third-party-licences.txt.gz.
`;
}
