import type { ProgramRule } from './program-rule.ts';

/** The programs that everyone knows. */
export const WELL_KNOWN_PROGRAMS: readonly ProgramRule[] = [
  // mysql(1): "-p[password]": with a blank, the next argument is the database.
  {
    names:
      'mysql, mysqladmin, mysqldump, mysqlimport, mysqlshow, mysqlcheck, mysqlslap, mariadb, mariadb-dump, mariadb-admin, mysqlpump, mysqlbinlog, mycli',
    secret: '-p* --password= --password1= --password2= --password3=',
    special: { plain: '-u --user -h --host -P --port -S --socket -D --database -e --execute' },
  },
  { names: 'sshpass', secret: '-p', plain: '-f -d -P', command: 0 },
  {
    names: 'curl',
    secret: '--pass --oauth2-bearer --tlspassword --proxy-pass --proxy-tlspassword --key-passwd',
    special: {
      'after-colon': '-u --user -U --proxy-user',
      header: '-H --header --proxy-header',
      cookie: '-b --cookie',
    },
    plain:
      '-A -c -C -d -D -e -E -F -h -K -m -o -P -Q -r -t -T -w -x -X -y -Y -z --data --data-raw --data-binary --data-urlencode --form --url --output --request --json',
  },
  { names: 'wget', special: { header: '--header' }, plain: '-O -o -a -e -i -B -t -T -w -Q -P -U -l -A -R -D -I -X' },
  { names: 'docker, podman, nerdctl, buildah', plain: '-H --host -c --context --config -l --log-level' },
  {
    names: 'docker login, podman login, nerdctl login, buildah login',
    secret: '-p --password',
    plain: '-u --username',
    input: 'secret',
    inputIf: '--password-stdin',
  },
  { names: 'redis-cli, valkey-cli, keydb-cli', secret: '-a --pass', plain: '-h -p -s -u -r -i -n -d -D --user' },
  {
    names: 'psql, pg_dump, pg_restore, pg_dumpall, createdb, dropdb, pg_basebackup',
    flags: '--password -W',
    plain: '-h -p -U -d -c -f -o -v -t -n -F',
  },
  {
    names: 'openssl',
    oneDash: true,
    secret: '-k -K -password',
    special: { source: '-pass -passin -passout -password -spass -srcpass' },
  },
  {
    names: 'ldapsearch, ldapadd, ldapmodify, ldapdelete, ldappasswd, ldapwhoami, ldapcompare, ldapmodrdn',
    secret: '-w',
    plain: '-H -D -b -h -p -f -y -s -a -l -z -o -O -U -X -Y -E -e -P',
  },
  { names: 'git', plain: '-C -c' },
  { names: 'git commit, git tag, git merge, git notes', special: { prose: '-m --message' } },
  {
    names: 'useradd, usermod, groupadd, groupmod, newusers',
    secret: '-p --password',
    plain: '-u -g -G -d -s -c -e -f -k -K -b -l -L',
  },
  { names: 'chpasswd', input: 'after-colon' },
  { names: 'passwd', input: 'secret' },
];
