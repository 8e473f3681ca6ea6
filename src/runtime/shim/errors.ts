import { constants } from "node:os";
import { EngineError } from "../../base/index.ts";
import { opName, type OpName } from "../plan/index.ts";

// Two numbers have two names: of these the kernel's manuals and our texts have EAGAIN and EOPNOTSUPP.
const ERRNO_NAMES = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => name !== "EWOULDBLOCK" && name !== "ENOTSUP")
    .map(([name, number]) => [number, name]),
);

/** `ENOENT` for 2; `E999` for a number that this platform does not name. */
export function errnoName(number: number): string {
  return ERRNO_NAMES.get(number) ?? `E${number}`;
}

/** A launch plan stopped at one of its operations: nothing of it is left. */
export class PlanFailure extends EngineError {
  /** Place in the plan, from 0. */
  readonly index: number;
  /** The operation; undefined when the process died on its way. */
  readonly op: OpName | undefined;
  /** `ENOENT`, `EACCES`… */
  readonly errno: string;
  /** What the operation was about, such as `open /some/path`. */
  readonly detail: string;

  constructor(errno: number, index: number, opcode: number, detail: string) {
    const name = errnoName(errno);
    const op = opName(opcode);
    super(name === "ENOSPC" || name === "EDQUOT" ? "no-space" : "unknown", `${op ?? "launch"}: ${detail}: ${name}`);
    this.name = "PlanFailure";
    this.index = index;
    this.op = op;
    this.errno = name;
    this.detail = detail;
  }
}

/** The shim refused a request, or is not there. */
export class ShimError extends EngineError {
  /** `ESRCH`: no such process; `EPIPE`: the connection ended… */
  readonly errno: string;

  constructor(errno: string, message: string, options?: { cause?: unknown }) {
    super(errno === "ESRCH" ? "not-found" : errno === "EPIPE" ? "unavailable" : "unknown", message, options);
    this.name = "ShimError";
    this.errno = errno;
  }

  /** Where Node's errors have it. */
  get code(): string {
    return this.errno;
  }
}

export const connectionLost = (cause?: unknown) =>
  new ShimError("EPIPE", "the connection to the container's supervisor was lost", { cause });

export const noAnswer = (directory: string, cause: unknown) =>
  new ShimError("ETIMEDOUT", `the container's supervisor in ${directory} does not answer`, { cause });
