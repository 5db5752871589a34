import type { ProgramRule } from '../program-rule.ts';

/** Accounts, keys, encryption, archives, and programs that show text to people. */
export const ACCOUNTS: readonly ProgramRule[] = [
  {
    names: 'useradd, usermod, groupadd, groupmod',
    secret: '-p --password',
    plain: '-u -g -G -d -s -c -e -f -k -K -b -R -Z --uid --gid --groups --home --shell --comment',
  },
  { names: 'chpasswd, newusers, chgpasswd', input: 'after-colon' },
  { names: 'passwd, yppasswd', input: 'secret' },
  {
    names: 'htpasswd',
    positionals: [
      { at: 1, kind: 'secret', if: '-n' },
      { at: 2, kind: 'secret', if: '-b' },
    ],
    input: 'secret',
    inputIf: '-i',
    plain: '-C -r',
  },
  { names: 'htdigest, slappasswd, mkpasswd', secret: '-s', plain: '-h -m -S -R -P' },
  { names: 'mkpasswd', positionals: [{ at: 0, kind: 'secret' }], plain: '-m -S -R -P -s' },
  {
    names: 'openssl',
    oneDash: true,
    secret: '-k -K -hmac -macopt -srpuserpass -psk',
    special: { source: '-pass -passin -passout -password -spass -srcpass -destpass' },
    plain:
      '-in -out -inkey -iv -salt -S -subj -connect -servername -key -cert -keyform -certfile -CAfile -kfile -pubkey -days -name -config -md -algorithm',
  },
  {
    names: 'openssl passwd',
    positionals: [{ at: 0, kind: 'secret' }],
    input: 'secret',
    inputIf: '-stdin',
    oneDash: true,
  },
  {
    names: 'gpg, gpg2, gpgsm, gpg-preset-passphrase',
    secret: '--passphrase',
    plain: '-r --recipient -u --local-user -o --output --homedir --pinentry-mode --passphrase-file',
    input: 'secret',
    inputIf: '--passphrase-fd --passphrase-fd=0',
  },
  { names: 'ssh-keygen', secret: '-N -P', plain: '-f -t -b -C -O -s -I -n -V -z -m -Z -a -D -F -R -r -Y -w' },
  { names: 'ssh-add', plain: '-t -s -e -S' },
  {
    names: 'keytool, jarsigner, java',
    oneDash: true,
    secret: '-storepass -keypass -srcstorepass -deststorepass -srckeypass -destkeypass -new -tsapass',
  },
  { names: 'java', oneDash: true, flags: '-new', plain: '-jar -cp -classpath', special: { 'after-colon': '-auth' } },
  {
    names: 'cryptsetup, luksformat, veracrypt, zfs, zpool',
    input: 'secret',
    secret: '--password -p',
    plain: '-d --key-file -c -h -s -t -o -O',
  },
  { names: 'cryptsetup', plain: '-p' },
  { names: 'zfs, zpool', plain: '-p', flags: '-p' },
  {
    names: 'kinit, realm, ipa-client-install, ipa-server-install, ipa, ipa-replica-install, klist',
    input: 'secret',
    secret: '-w --password --admin-password --ds-password -a',
    plain: '-p --principal -k -t -c -l -U',
  },
  { names: 'klist, ipa', flags: '-a -w' },
  { names: 'adcli', input: 'secret', inputIf: '--stdin-password', plain: '-U -D' },
  { names: 'kadmin, kadmin.local', secret: '-w', special: { script: '-q' }, plain: '-p -r -k -t -s -c' },
  // kadmin's own commands, met behind -q.
  {
    names: 'addprinc, ank, add_principal, cpw, change_password, modprinc',
    oneDash: true,
    secret: '-pw',
    plain: '-policy -x -e',
  },
  { names: 'zip, unzip', secret: '-P', plain: '-i -x -d -n -t -b' },
  { names: 'unzip', flags: '-p -n -t' },
  { names: '7z, 7za, 7zr, 7zz, p7zip', secret: '-p*', oneDash: true },
  { names: 'unrar, rar', secret: '-p* -hp*', oneDash: true },
  { names: 'qpdf', secret: '--password' },
  { names: 'qpdf --encrypt', others: 'secret' },
  {
    names: 'pdftotext, pdftoppm, pdfinfo, pdfimages, pdftohtml, pdfunite, pdfdetach, pdffonts, pdftocairo, pdfseparate',
    oneDash: true,
    secret: '-upw -opw',
  },
  { names: 'pdftk', named: true },
  {
    names:
      'ccrypt, ccdecrypt, ccencrypt, mcrypt, aescrypt, steghide, stegsnow, mupdf, mutool, transcrypt, cryptcat, airdecap-ng, lsar, unar, olevba',
    secret: '-K -p -k --key --password',
    plain: '-f -c -m -a',
  },
  {
    names: 'pkcs11-tool, pkcs15-tool, yubico-piv-tool, softhsm2-util, p11tool',
    secret: '--pin --so-pin --new-pin -P -p -N',
  },
  { names: 'expect', special: { script: '-c' } },
  { names: 'pk12util', secret: '-W -w -K', plain: '-d -n -i -o -f -k -t -s' },
  // argon2(1) reads the password, oathtool(1) takes the seed of the one-time passwords.
  { names: 'argon2', input: 'secret', plain: '-t -m -k -p -l' },
  {
    names: 'oathtool',
    others: 'secret',
    plain: '-N -w -d -c -s -S --now --window --digits --counter --time-step-size --start-time',
  },
  { names: 'pass insert, passage insert, gopass insert', input: 'secret' },
  { names: 'yadm transcrypt', secret: '-p --password', plain: '-c --cipher' },
  { names: 'zpaq', secret: '-k* -key', oneDash: true },
  { names: 'gocryptfs, systemd-cryptenroll', flags: '--passwd -passwd --password' },
  // Texts for people, patterns and prompts: they name secrets and hold none.
  { names: 'read', special: { prose: '-p' }, plain: '-t -n -N -d -u -a', others: 'prose' },
  {
    names:
      'grep, egrep, fgrep, zgrep, rg, ag, ack, pgrep, pkill, awk, gawk, less, man, apropos, whatis, which, type, whereis, locate',
    special: { prose: '-e --regexp -p' },
    others: 'prose',
  },
  { names: 'sed, gsed, perl', others: 'pattern', special: { pattern: '-e --expression' } },
  { names: 'notify-send, logger, wall, dialog, whiptail, zenity, kdialog', others: 'prose', plain: '-t -p -i' },
  { names: 'ffmpeg, x264, ffprobe', plain: '-pass', oneDash: true },
  { names: 'test, [, [[, case, for, pass', others: 'prose' },
  { names: 'certbot', plain: '--dns-cloudflare-credentials' },
  {
    names:
      'apt, apt-get, yum, dnf, apk, pacman, dpkg, rpm, systemctl, journalctl, loginctl, busctl, machinectl, networkctl, coredumpctl, systemd-analyze',
    others: 'pair',
  },
];
