import type { CallContext, StdioStream } from "./streams.ts";

export interface ExecCreateBody {
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  ConsoleSize?: [number, number] | null;
  DetachKeys?: string;
  Tty?: boolean;
  Env?: string[] | null;
  Cmd?: string[] | null;
  Privileged?: boolean;
  User?: string;
  WorkingDir?: string;
}

export interface ExecInspect {
  ID: string;
  Running: boolean;
  ExitCode: number | null;
  ProcessConfig: {
    tty: boolean;
    entrypoint: string;
    arguments: string[];
    privileged: boolean;
    user?: string;
  };
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  DetachKeys: string;
  Pid: number;
}

export interface ExecBackend {
  create(containerRef: string, body: ExecCreateBody): Promise<{ Id: string }>;
  /**
   * Starts the process. Attached: gives its stdio once it runs. Detached: gives undefined once it runs.
   * @throws not-found `No such exec instance: ID`; conflict when the container is not running or the exec ran already.
   */
  start(
    id: string,
    options: { detach: boolean; tty: boolean | undefined; consoleSize: { height: number; width: number } | undefined },
    call: CallContext,
  ): Promise<StdioStream | undefined>;
  resize(id: string, size: { height: number; width: number }): Promise<void>;
  inspect(id: string): Promise<ExecInspect>;
}
