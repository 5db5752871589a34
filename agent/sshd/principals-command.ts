/**
 * Which command sshd runs for a certificate. AuthorizedPrincipalsCommand and AuthorizedKeysCommand may both run between the
 * same two messages; only what they are given tells them apart: the certificate's id (%i) and its authority (%F) are given
 * to the former alone (sshd_config(5), TOKENS).
 */
import type { ExecEvent } from '../decode/kernel-event.ts';
import type { KeyFacts } from './key-facts.ts';
import type { HelperActivity } from './session-event.ts';
import { splitArgv } from './session-kind.ts';

const MOST_ARGUMENTS = 64;

/** @param key of the attempt that it serves, if that is a certificate */
export function helperForCertificate(
  event: ExecEvent | undefined,
  key: KeyFacts | undefined,
): Extract<HelperActivity['helper'], 'authorized_principals_command' | 'auth.helper'> {
  if (event?.argv === undefined || key === undefined) return 'auth.helper';
  const { authorityFingerprint, certificateId } = key;
  const told = splitArgv(event.argv, MOST_ARGUMENTS)
    .slice(1)
    .map((argument) => new TextDecoder().decode(argument));
  const names = told.some(
    (argument) =>
      argument === authorityFingerprint ||
      (argument === certificateId && isOfItsOwn(certificateId) && certificateId !== key.type),
  );
  return names ? 'authorized_principals_command' : 'auth.helper';
}

/** It is no word that a user, a number of his, his home or an option may be, too: what both commands may be given. */
function isOfItsOwn(id: string): boolean {
  return /[^\w.-]/.test(id) && !id.startsWith('/') && !id.startsWith('-');
}
