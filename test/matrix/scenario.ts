/** A scenario: what its clients do, against which server. What comes of it is said by witnesses, not here. */
import type { LabOptions } from '../../agent/lab/lab.ts';
import type { Cast } from './cast.ts';
import type { Server } from './servers.ts';

export type ScenarioLab = Omit<LabOptions, 'root' | 'strace'>;

export interface Scenario {
  readonly name: string;
  /** One line for people. */
  readonly story: string;
  readonly lab?: ScenarioLab | undefined;
  /** Makes what the laboratory needs in a folder of its own, and what it is then started with, over `lab`. */
  readonly prepare?: ((folder: string) => Promise<ScenarioLab>) | undefined;
  /** Why this producer tells nothing of its server. */
  readonly notBy?: ((producer: string) => string | undefined) | undefined;
  /** Removes what `prepare` made outside of the folder, when the laboratory is gone. */
  readonly cleanUp?: ((folder: string) => Promise<void>) | undefined;
  /** Base name of the AuthorizedKeysCommand, where it is not the laboratory's own. */
  readonly keysCommand?: string | undefined;
  /** LoginGraceTime, where the configuration sets one, ms. */
  readonly graceMs?: number | undefined;
  /** Why it can't be played on a server; undefined: it can. */
  readonly notOn?: ((server: Server) => string | undefined) | undefined;
  /** It works on files by sftp or scp: strace shows them. */
  readonly files?: boolean | undefined;
  /** Its stream in exact mode is kept, too. */
  readonly recordExact?: boolean | undefined;
  /** Too big to be kept as a stream. */
  readonly unrecorded?: boolean | undefined;
  /** Without strace: what is compared is when it was. */
  readonly unstraced?: boolean | undefined;
  /** The same story under a configuration of which witnesses know more: they must say the same of both. */
  readonly twin?: Scenario | undefined;
  /** There is more to watch than the laboratory's listener: others that it starts, none that listens itself, or one in a container. */
  readonly wholeHost?: boolean | 'containers' | undefined;
  /** No other cell may run at the same time: it takes the machine's all, or changes what all share. */
  readonly alone?: boolean | undefined;
  readonly play: (cast: Cast) => Promise<void>;
}
