import type { ProgramRule } from '../program-rule.ts';

/** Clients and tools of databases and message queues. */
export const DATABASES: readonly ProgramRule[] = [
  // mysql(1): "-p[password]": with a blank, the next argument is the database.
  {
    names:
      'mysql, mysqladmin, mysqldump, mysqlimport, mysqlshow, mysqlcheck, mysqlslap, mysqlpump, mysqlbinlog, mysql_upgrade, mariadb, mariadb-admin, mariadb-dump, mariadb-import, mariadb-show, mariadb-check, mariadb-slap, mariadb-binlog, mariadb-upgrade, mycli, innobackupex, xtrabackup, mariabackup, pt-archiver, mydumper, myloader',
    secret: '-p* --password= --password1= --password2= --password3=',
    plain: '-u --user -h --host -P --port -S --socket -D --database -e --execute',
  },
  { names: 'mydumper, myloader', secret: '-p --password' },
  { names: 'mysqladmin password, mariadb-admin password', positionals: [{ at: 0, kind: 'secret' }] },
  {
    names:
      'psql, pg_dump, pg_restore, pg_dumpall, pg_basebackup, pg_receivewal, pg_recvlogical, pg_rewind, pg_isready, createdb, dropdb, createuser, dropuser, vacuumdb, reindexdb, pgbench',
    flags: '--password -W',
    plain: '-h -p -U -d -c -f -o -v -t -n -F -j',
  },
  {
    names: 'redis-cli, valkey-cli, keydb-cli, redis-benchmark',
    secret: '-a --pass',
    plain: '-h -p -s -u -r -i -n -d -D -c --user',
  },
  { names: 'redis-cli auth, valkey-cli auth, keydb-cli auth', others: 'secret' },
  {
    names:
      'redis-cli config set requirepass, redis-cli config set masterauth, valkey-cli config set requirepass, valkey-cli config set masterauth',
    positionals: [{ at: 0, kind: 'secret' }],
  },
  {
    names: 'mongosh, mongo, mongodump, mongorestore, mongoexport, mongoimport, mongostat, mongotop, mongofiles',
    secret: '-p --password --sslPEMKeyPassword --tlsCertificateKeyFilePassword',
    plain: '-u --username -h --host -d --db -c --collection --port --authenticationDatabase -o --out',
  },
  {
    names: 'sqlplus, sqlldr, exp, imp, expdp, impdp, rman',
    plain: '-M -R -C',
    positionals: [{ at: 0, kind: 'oracle' }],
  },
  { names: 'sqlcmd, bcp, osql, isql, tsql, go-sqlcmd', secret: '-P', plain: '-S -U -d -Q -q -i -o -H -D -t -b -p' },
  { names: 'clickhouse-client, clickhouse', secret: '--password', plain: '--host --port --user -q --query -u -h -d' },
  {
    names: 'influx',
    oneDash: true,
    secret: '-password -t --token -p --password',
    plain: '-username -execute -host -port -database',
  },
  { names: 'cqlsh, nodetool', secret: '-p --password -pw', plain: '-u -k -f -e -h', oneDash: true },
  { names: 'etcdctl', special: { 'after-colon': '--user' }, secret: '--password' },
  { names: 'beeline, impala-shell', oneDash: true, secret: '-p', plain: '-u -n -e -f -d' },
  {
    names: 'snowsql, cypher-shell, neo4j-admin, vsql, nzsql, db2',
    secret: '-p --password -w',
    plain: '-u -a -d -h -U',
  },
  { names: 'mosquitto_pub, mosquitto_sub, mosquitto_rr', secret: '-P --pw', plain: '-h -p -u -t -m -q -i -k -f -A' },
  { names: 'mosquitto_passwd', positionals: [{ at: 2, kind: 'secret', if: '-b' }] },
  {
    names: 'rabbitmqctl add_user, rabbitmqctl change_password, rabbitmqctl authenticate_user',
    positionals: [{ at: 1, kind: 'secret' }],
  },
  { names: 'rabbitmqadmin', secret: '-p --password', plain: '-u --username -H --host -P --port -V --vhost' },
  { names: 'kcat, kafkacat', special: { pair: '-X' }, plain: '-b -t -p -o -K -D -F -c' },
  { names: 'elasticsearch-reset-password, elasticsearch-users useradd', secret: '-p --password' },
  { names: 'cbq, couchbase-cli, cbbackupmgr', secret: '-p --password -P', plain: '-c -u -e -o' },
];
