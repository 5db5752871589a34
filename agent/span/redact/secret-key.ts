import { isAlphanumeric, isDigit, isLower, isUpper, lower } from './ascii.ts';

/** Longer names are not looked at: nobody names a variable like this, and the cost stays bounded. */
const MAX_NAME = 128;

/** A part that makes a name secret wherever it stands: `DB_PASSWORD`, `tokenProd`. */
const SECRET_PARTS = new Set(
  (
    'password passwd passphrase secret token pwd pass pw passcode apikey authtoken accesstoken secretkey privatekey accesskey ' +
    'rootpw bindpw dbpw userpw dbpass dbpasswd rootpass userpass sshpass storepass keypass sshpassword passwort pswd psw psk requirepass masterauth'
  ).split(' '),
);

/** Ends of a part written as one word: `PGPASSWORD`, `mytoken`. */
const SECRET_ENDS = ['password', 'passwd', 'passphrase', 'secret', 'token', 'apikey'];

/** Whole names that hold secrets and don't say so. */
const SECRET_NAMES = new Set(['rediscli_auth', '_auth', 'http_auth', 'borg_key', 'gh_pat', 'github_pat', 'gitlab_pat']);

/** What stands before `key` when the key is one to hide: `API_KEY`, `privateKey`, and not `SORT_KEY`. */
const SECRET_KEYS = new Set(
  'api access secret private auth encryption signing account license master app storage deploy shared service session admin write ingest integration hmac aes crypt cipher subscription routing'.split(
    ' ',
  ),
);

/** A last part that says that the name is about a secret and holds none: `PASSWORD_FILE`, `token-ttl`. */
const ABOUT = new Set(
  (
    'file files path dir directory url uri endpoint name names id ids arn ttl length len size min max count limit limits policy stdin fd prompt command ' +
    'cmd program helper type types expiry expiration expires timeout age duration days enabled required hash store provider manager field column version ' +
    'format algorithm host user username users server service env var variable ref location mode method auth authentication login keyring ' +
    'engine backend script lifetime issuer audience scope scopes budget usage reset change changed rotation hint label key_id mount volume'
  ).split(' '),
);

/** A first part of an option that asks, forbids or limits: `--no-password`, `--ask-pass`, `MAX_TOKEN`. */
const ASKS = new Set(
  'no ask stdin export import print starting next page continuation prompt skip disable enable without require allow show hide max min num use has is get list delete check force expire read verify validate generate revoke renew rotate'.split(
    ' ',
  ),
);

/**
 * Whether a variable, option, header or field of this name holds a secret: by the parts of the name, which are split at
 * what is no letter or digit and where a small letter meets a capital. Leading dashes do not matter.
 */
export function isSecretKey(name: string): boolean {
  if (name.length < 2 || name.length > MAX_NAME) return false;
  if (name === 'PWD' || name === 'OLDPWD') return false;
  if (SECRET_NAMES.has(lower(name))) return true;
  const parts = splitName(name);
  const first = parts[0];
  const last = parts.at(-1);
  if (first === undefined || last === undefined) return false;
  if (parts.length > 1 && (ABOUT.has(last) || ASKS.has(first))) return false;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? '';
    if (SECRET_PARTS.has(part) || SECRET_ENDS.some((end) => part.endsWith(end))) return true;
    if (part === 'key' && i > 0 && SECRET_KEYS.has(parts[i - 1] ?? '')) return true;
  }
  return false;
}

/** Whether the name speaks of a key, whose value is often the path of a file. */
export function isKeyName(name: string): boolean {
  return name.length <= MAX_NAME && splitName(name).some((part) => part.endsWith('key'));
}

/** Parts of a name in small letters; digits at the end of a part are dropped (`PASSWORD2`). */
export function splitName(name: string): string[] {
  const parts: string[] = [];
  let start = 0;
  const cut = (end: number): void => {
    let stop = end;
    while (stop > start && isDigit(name.charCodeAt(stop - 1))) stop--;
    if (stop > start) parts.push(lower(name.slice(start, stop)));
  };
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (!isAlphanumeric(code)) {
      cut(i);
      start = i + 1;
    } else if (isUpper(code) && i > start && isLower(name.charCodeAt(i - 1))) {
      cut(i);
      start = i;
    }
  }
  cut(name.length);
  return parts;
}
