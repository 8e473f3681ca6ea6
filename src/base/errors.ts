/**
 * The one error type that crosses layers.
 *
 * A layer declares its errors once, in its own `errors.ts`, as functions that give an `EngineError` (kind and text);
 * the maps from kind to HTTP status and exit code live at the edges and are exhaustive over `ErrorKind`.
 */

export type ErrorKind =
  | "invalid" // the request itself is wrong
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict" // right request, wrong state
  | "not-modified" // nothing to do
  | "not-implemented"
  | "unavailable" // try again later
  | "cancelled"
  | "deadline"
  | "data-loss" // stored data is damaged
  | "no-space" // ENOSPC, EDQUOT
  | "unknown"; // a bug or a host failure

export class EngineError extends Error {
  readonly kind: ErrorKind;

  /**
   * @param kind what sort of failure this is; decides status and exit code.
   * @param message names the thing and the way out.
   * @param options `cause`: the lower error, for the log only.
   */
  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "EngineError";
    this.kind = kind;
  }
}

type Options = { cause?: unknown };

export const invalid = (message: string, options?: Options) => new EngineError("invalid", message, options);
export const unauthorized = (message: string, options?: Options) => new EngineError("unauthorized", message, options);
export const forbidden = (message: string, options?: Options) => new EngineError("forbidden", message, options);
export const notFound = (message: string, options?: Options) => new EngineError("not-found", message, options);
export const conflict = (message: string, options?: Options) => new EngineError("conflict", message, options);
export const notModified = (message: string, options?: Options) => new EngineError("not-modified", message, options);
export const notImplemented = (message: string, options?: Options) =>
  new EngineError("not-implemented", message, options);
export const unavailable = (message: string, options?: Options) => new EngineError("unavailable", message, options);
export const cancelled = (message: string, options?: Options) => new EngineError("cancelled", message, options);
export const deadline = (message: string, options?: Options) => new EngineError("deadline", message, options);
export const dataLoss = (message: string, options?: Options) => new EngineError("data-loss", message, options);
export const noSpace = (message: string, options?: Options) => new EngineError("no-space", message, options);
export const unknown = (message: string, options?: Options) => new EngineError("unknown", message, options);

/** What failed first. When undoing that failed as well, `using` throws both in one, without a text. */
function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error;
}

/** True for an EngineError of that kind. */
export function isKind(thrown: unknown, kind: ErrorKind): boolean {
  const error = firstFailure(thrown);
  return error instanceof EngineError && error.kind === kind;
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  const error = firstFailure(thrown);
  return error instanceof Error ? error.message : String(error);
}

/** The errno name (`ENOENT`) of a Node or addon error, or undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  const error = firstFailure(thrown);
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return undefined;
}

/** Turns whatever was thrown into an EngineError; full disks keep their kind. */
export function asEngineError(thrown: unknown): EngineError {
  const error = firstFailure(thrown);
  if (error instanceof EngineError) return error;
  const errno = errnoOf(error);
  if (errno === "ENOSPC" || errno === "EDQUOT") return noSpace(fullText(errno, messageOf(error)), { cause: error });
  if (error instanceof Error && error.name === "AbortError") return cancelled("context canceled", { cause: error });
  return unknown(messageOf(error), { cause: error });
}

/** `ENOSPC: write '/path'` in the words that people look for: `write /path: no space left on device`. */
function fullText(errno: "ENOSPC" | "EDQUOT", text: string): string {
  const words = errno === "ENOSPC" ? "no space left on device" : "disk quota exceeded";
  if (text.includes(words)) return text;
  return `${text.replace(/^E[A-Z]+: /, "").replaceAll("'", "")}: ${words}`;
}
