import { notFound, type EngineError, type ErrorKind } from "../../base/index.ts";
import { LaunchError } from "../errors.ts";

const CREATE = "failed to create task for container: failed to create shim task: OCI runtime create failed: ";
const RUNC_CREATE = `${CREATE}runc create failed: `;
const EXEC = "OCI runtime exec failed: ";
const RUNC_EXEC = `${EXEC}exec failed: `;
const START = "unable to start container process: ";

/** What was being done when a plan failed: Docker's texts differ. */
export type Phase = "create" | "exec";

/** A failure inside of the new process, with Docker's words around runc's. */
export function initFailure(reason: string, options: FailureOptions = {}): LaunchError {
  const { phase = "create" } = options;
  return failure(phase === "create" ? `${START}error during container init: ${reason}` : `${START}${reason}`, options);
}

/** A failure before there is a process of the container. */
export function startFailure(reason: string, options: FailureOptions = {}): LaunchError {
  return failure(`${START}${reason}`, options);
}

/** A spec that cannot be compiled. */
export function specFailure(reason: string, options: FailureOptions = {}): LaunchError {
  return failure(reason, options);
}

/** What another runtime said when it could not make a container. */
export function createFailure(said: string, { cause }: { cause: unknown }): LaunchError {
  return verdict(CREATE + said, "create", cause);
}

/** What another runtime said when it could not run a further process. */
export function execFailure(said: string, { cause }: { cause: unknown }): LaunchError {
  return verdict(EXEC + said, "exec", cause);
}

export interface FailureOptions {
  phase?: Phase;
  cause?: unknown;
}

const WRONG_TYPE =
  ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";

/** A volume has not what is to be mounted of it. */
export function subpathMissing(path: string): EngineError {
  return notFound(`cannot access path ${path}: lstat ${path}: no such file or directory`);
}

function failure(text: string, { phase = "create", cause }: FailureOptions): LaunchError {
  return verdict((phase === "create" ? RUNC_CREATE : RUNC_EXEC) + text, phase, cause);
}

/** Docker reads the exit code and the status off the text, and so clients know them together. */
function verdict(text: string, phase: Phase, cause: unknown): LaunchError {
  const { exitCode, kind } = verdictOf(text);
  const hint = phase === "create" && text.includes("not a directory") ? WRONG_TYPE : "";
  return new LaunchError(kind, text + hint, exitCode, { cause });
}

function verdictOf(text: string): { exitCode: 125 | 126 | 127; kind: ErrorKind } {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(text)) {
    return { exitCode: 127, kind: "invalid" };
  }
  if (text.includes("permission denied")) return { exitCode: 126, kind: "invalid" };
  if (text.includes("not a directory")) return { exitCode: 127, kind: "invalid" };
  return { exitCode: 125, kind: "unknown" };
}
