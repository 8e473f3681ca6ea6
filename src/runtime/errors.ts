import { EngineError, type ErrorKind } from "../base/index.ts";

/** A container's command or world could not be made. `exitCode` is what `docker run` exits with. */
export class LaunchError extends EngineError {
  readonly exitCode: 125 | 126 | 127;

  constructor(kind: ErrorKind, message: string, exitCode: 125 | 126 | 127, options?: { cause?: unknown }) {
    super(kind, message, options);
    this.exitCode = exitCode;
  }
}
