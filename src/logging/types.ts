import type { LogStream, LogsQuery } from "../api/index.ts";
import type { Native } from "../sys/index.ts";

/** What a log driver's options say to the shim, how its log is read back, and where it is sent. */
export interface LogDriver {
  readonly name: string;
  /** @throws invalid `unknown log opt 'x' for json-file log driver`, bad sizes … */
  validate(options: Options): void;
  /** Where and how the shim writes; undefined: nothing is kept. */
  file(options: Options, directory: string, containerId: string): LogFilePlan | undefined;
  /** @throws not-implemented `configured logging driver does not support reading`. */
  read(request: LogRead): Promise<LogStream>;
  /** @throws unknown when this host has not what the driver needs; asked before each start. */
  check(): void;
  /** What the shim puts beside each entry. @throws unknown for a bad tag template. */
  attributes(source: LogSource): Record<string, string>;
  /** The way to the receiver; undefined: entries stay here. @throws unknown for a bad tag template. */
  readonly open: ((source: LogSource, native: SenderCalls) => LogSender) | undefined;
}

export type Options = Readonly<Record<string, string>>;

export interface LogFilePlan {
  path: string;
  maxSize: number;
  maxFiles: number;
  /** Rotated files are compressed. */
  compress: boolean;
  /** Output waits rather than that an entry is lost on its way to the receiver. */
  holds: boolean;
  /** A file that others may know of, and inspect shows. */
  shown: boolean;
}

export interface LogRead {
  path: string;
  maxFiles: number;
  tty: boolean;
  query: LogsQuery;
  options: Options;
  /** `k=v,k=v` for --details. */
  details: string;
  /** Settles when the container has stopped and its log is whole: a follower then drains and ends. */
  ended: Promise<void>;
  signal: AbortSignal;
}

/** What drivers know of the container whose log it is. */
export interface LogSource {
  readonly id: string;
  /** Without a slash. */
  readonly name: string;
  readonly imageId: string;
  readonly imageName: string;
  readonly entrypoint: string;
  readonly args: readonly string[];
  /** Nanoseconds since 1970. */
  readonly createdAt: bigint;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Options;
  /** The file that inspect shows; empty: there is none. */
  readonly logPath: string;
}

/** An entry on its way to a receiver. */
export interface LogRecord {
  /** Without its line feed. */
  readonly text: Buffer;
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  /** The line goes on in the next entry. */
  readonly partial: boolean;
}

/** A way to a receiver. It connects when it is first needed, and again after a failure. Its disposal ends what is being sent. */
export interface LogSender extends AsyncDisposable {
  /**
   * Resolves when the receiver has the records, as far as its protocol tells.
   * @throws what went wrong: they are sent again later, but for what a DeliveryError says of some of them.
   */
  send(records: readonly LogRecord[]): Promise<void>;
  /** Milliseconds before the first try after a failure, and after how many the records are given up. */
  readonly retry?: { readonly wait?: number; readonly tries?: number };
}

/** System calls of senders that node has no function for. */
export type SenderCalls = Pick<Native, "socket" | "connect">;
