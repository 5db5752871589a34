/**
 * Names of spans and attributes, and nothing else: the only place that spells them. `docs/attributes.md` tells type, unit
 * and meaning of each, and a test compares the two. Names without `ssh.` are those of OpenTelemetry's semantic conventions
 * (v1.44), copied because most of them are still in development there; no `ssh` namespace exists in them, and new names
 * must not be put into theirs.
 */
import type { SpanKind } from '../sshd/session-event.ts';

/** Span names that are fixed; a phase has its own name, a program the base name of its file. */
export const SPAN_NAMES = {
  connection: 'ssh.connection',
  handshake: 'ssh.handshake',
  auth: 'ssh.auth',
  attempt: 'ssh.auth.attempt',
  setup: 'ssh.session.setup',
  session: 'ssh.session',
  forward: 'ssh.port_forward',
  file: 'ssh.file',
  summary: 'ssh.connection.summary',
} as const satisfies Partial<Record<SpanKind | 'summary', string>>;

/** Span names of what sshd runs for itself. */
export const HELPER_NAMES = {
  authorized_keys_command: 'ssh.authorized_keys_command',
  authorized_principals_command: 'ssh.authorized_principals_command',
  'auth.helper': 'ssh.auth.helper',
  'setup.helper': 'ssh.setup.helper',
  helper: 'ssh.helper',
} as const;

/** After the name of a span that is still open, on its marker. */
export const OPEN_SUFFIX = ' (open)';

/** Name of a program whose file and comm were both lost. */
export const UNKNOWN_PROGRAM = '(unknown program)';

/** On the resource. */
export const RESOURCE = {
  serviceName: 'service.name',
  serviceInstanceId: 'service.instance.id',
  hostId: 'host.id',
  hostName: 'host.name',
  osType: 'os.type',
  distroName: 'telemetry.distro.name',
  distroVersion: 'telemetry.distro.version',
} as const;

/** On spans. */
export const ATTR = {
  // Every span: who, from where, how he got in.
  connectionId: 'ssh.connection.id',
  sessionId: 'ssh.session.id',
  userName: 'user.name',
  userNameLength: 'ssh.user.name_length',
  userValid: 'ssh.user.valid',
  clientAddress: 'client.address',
  authMethod: 'ssh.auth.method',
  keyFingerprint: 'ssh.key.fingerprint',
  containerId: 'container.id',
  podUid: 'k8s.pod.uid',

  // Any span, where it applies.
  errorType: 'error.type',
  spentBy: 'ssh.time.spent_by',
  factSource: 'ssh.fact.source',
  startUnknown: 'ssh.span.start_unknown',
  endUnknown: 'ssh.span.end_unknown',
  pending: 'ssh.span.pending',
  incomplete: 'ssh.trace.incomplete',
  incompleteReasons: 'ssh.trace.incomplete_reasons',
  missingPhases: 'ssh.trace.missing_phases',
  eventsLost: 'ssh.events.lost',
  segment: 'ssh.segment',

  // Connection.
  clientPort: 'client.port',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  transport: 'network.transport',
  protocolName: 'network.protocol.name',
  processFamily: 'ssh.server.process_family',
  disconnectReason: 'ssh.disconnect.reason',
  receivedBytes: 'ssh.connection.bytes_received',
  sentBytes: 'ssh.connection.bytes_sent',
  retransmits: 'ssh.connection.retransmits',
  rtt: 'ssh.connection.rtt',
  sessionCount: 'ssh.connection.session_count',
  programCount: 'ssh.connection.program_count',
  forwardCount: 'ssh.connection.forward_count',
  loginDuration: 'ssh.login.duration',
  loginServerTime: 'ssh.login.server_time',
  loginClientTime: 'ssh.login.client_time',
  loginKeysCommandTime: 'ssh.login.authorized_keys_command_time',
  loginUid: 'ssh.audit.login_uid',
  auditSession: 'ssh.audit.session',

  // Summary of connections.
  summarySource: 'ssh.summary.source',
  summaryConnections: 'ssh.summary.connections',
  summaryTold: 'ssh.summary.connections_told',
  summaryUsers: 'ssh.summary.users',
  summaryOtherUsers: 'ssh.summary.other_users',
  summaryReasons: 'ssh.summary.reasons',

  // Handshake, authentication and its attempts.
  keyExchangeDuration: 'ssh.handshake.key_exchange_duration',
  authResult: 'ssh.auth.result',
  authAttempts: 'ssh.auth.attempts',
  authFailedAttempts: 'ssh.auth.failed_attempts',
  authQueries: 'ssh.auth.queries',
  attemptOrdinal: 'ssh.auth.attempt.ordinal',
  attemptQuery: 'ssh.auth.attempt.query',
  keyType: 'ssh.key.type',
  certificateId: 'ssh.cert.id',
  certificateSerial: 'ssh.cert.serial',
  certificateAuthority: 'ssh.cert.ca_fingerprint',

  // Session.
  sessionType: 'ssh.session.type',
  sessionTypeSource: 'ssh.session.type_source',
  subsystem: 'ssh.session.subsystem',
  sessionCommand: 'ssh.session.command',
  requestedCommand: 'ssh.session.requested_command',
  commandBytes: 'ssh.session.command_bytes',
  commandTruncated: 'ssh.session.command_truncated',
  tty: 'ssh.session.tty',
  sessionEndedBy: 'ssh.session.ended_by',
  sessionProgramCount: 'ssh.session.program_count',
  redactions: 'ssh.redactions',
  fileOperations: 'ssh.session.file_operations',
  fileOperationsNotTold: 'ssh.session.file_operations_not_told',
  fileOperationsFailed: 'ssh.session.file_operations_failed',
  sessionFileReadBytes: 'ssh.session.file_bytes_read',
  sessionFileWrittenBytes: 'ssh.session.file_bytes_written',

  // Forward.
  forwardType: 'ssh.forward.type',
  forwardOperation: 'ssh.forward.operation',
  forwardPath: 'ssh.forward.path',
  forwardTarget: 'ssh.forward.target',
  forwardDirection: 'ssh.forward.direction',
  forwardResult: 'ssh.forward.result',
  forwardReceivedBytes: 'ssh.forward.bytes_received',
  forwardSentBytes: 'ssh.forward.bytes_sent',
  peerAddress: 'network.peer.address',
  peerPort: 'network.peer.port',
  localAddress: 'network.local.address',
  localPort: 'network.local.port',

  // File.
  fileOperation: 'ssh.file.operation',
  filePath: 'file.path',
  fileTarget: 'ssh.file.target_path',
  filePathTruncated: 'ssh.file.path_truncated',
  fileError: 'ssh.file.error',
  fileReadBytes: 'ssh.file.bytes_read',
  fileWrittenBytes: 'ssh.file.bytes_written',
  fileUnclosed: 'ssh.file.unclosed',

  // Program and helper.
  pid: 'process.pid',
  parentPid: 'process.parent_pid',
  executableName: 'process.executable.name',
  executablePath: 'process.executable.path',
  commandArgs: 'process.command_args',
  argsCount: 'process.args_count',
  argsBytes: 'ssh.process.args_bytes',
  argsTruncated: 'ssh.process.args_truncated',
  commandPreview: 'ssh.process.command_preview',
  exitCode: 'process.exit.code',
  exitSignal: 'ssh.process.exit.signal',
  coreDumped: 'ssh.process.core_dumped',
  execNumber: 'ssh.process.exec_number',
  replaced: 'ssh.process.replaced',
  survivor: 'ssh.process.survivor',
  forks: 'ssh.process.forks',
  forksFailed: 'ssh.process.forks_failed',
  failedExecs: 'ssh.process.failed_execs',
  effectiveUid: 'process.user.id',
  realUid: 'process.real_user.id',
  savedUid: 'process.saved_user.id',
  sessionLeaderPid: 'process.session_leader.pid',
  groupLeaderPid: 'process.group_leader.pid',
  interactive: 'process.interactive',
  executableInode: 'ssh.process.executable_inode',
  cpuUserTime: 'ssh.process.cpu_user_time',
  cpuSystemTime: 'ssh.process.cpu_system_time',
  maxRss: 'ssh.process.max_resident_bytes',
} as const;

/** On span links. */
export const LINK = {
  type: 'ssh.link.type',
} as const;

/** Values of `error.type` that are neither an exit code, a signal nor the result of an attempt. */
export const ERRORS = {
  authFailed: 'auth_failed',
  /** LoginGraceTime ran out after an attempt. */
  timeout: 'timeout',
  serverFailed: 'server_failed',
} as const;
