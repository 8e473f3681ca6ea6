import type { LogStream, LogsQuery } from "../api/index.ts";

/** What a log driver's options say to the shim, and how its log is read back. */
export interface LogDriver {
  readonly name: string;
  /** @throws invalid `unknown log opt 'x' for json-file log driver`, bad sizes … */
  validate(options: Record<string, string>): void;
  /** Where and how the shim writes; undefined: nothing is kept. */
  file(options: Record<string, string>, directory: string, containerId: string): LogFilePlan | undefined;
  /** @throws not-implemented `configured logging driver does not support reading`. */
  read(request: LogRead): Promise<LogStream>;
}

export interface LogFilePlan {
  path: string;
  maxSize: number;
  maxFiles: number;
}

export interface LogRead {
  path: string;
  maxFiles: number;
  tty: boolean;
  query: LogsQuery;
  /** `k=v,k=v` for --details. */
  details: string;
  /** Settles when the container has stopped and its log is whole: a follower then drains and ends. */
  ended: Promise<void>;
  signal: AbortSignal;
}
