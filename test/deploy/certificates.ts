import { run } from '../../deploy/package/run.ts';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority (`ca`), and what it signed for a collector at 127.0.0.1 (`server`) and for us (`client`), each `.pem` and `.key`. */
export async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]) =>
    run('sh', ['-c', 'cd "$1" && shift && openssl "$@"', 'openssl', folder, ...args]);
  await openssl(
    ...['req', '-x509', ...CURVE, '-days', '2', '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.pem'],
  );
  for (const [name, extension] of [
    ['server', 'subjectAltName=IP:127.0.0.1'],
    ['client', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    const key = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
    await openssl('req', ...CURVE, '-subj', `/CN=${name}`, '-addext', extension, ...key);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy'];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.pem`);
  }
}
