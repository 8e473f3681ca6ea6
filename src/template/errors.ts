/**
 * A template that does not parse, or that fails while it runs; the text is Go's.
 *
 * Not an EngineError: the command line loads this folder on its start path, and must not pay for all of `base`.
 * Whoever answers an API request with it turns it into `invalid(error.message)`.
 */
export class TemplateError extends Error {
  readonly phase: "parse" | "execute";
  /** What was written before it failed: Go's templates write as they run. */
  readonly written: string;

  constructor(phase: "parse" | "execute", message: string, written = "") {
    super(message);
    this.name = "TemplateError";
    this.phase = phase;
    this.written = written;
  }
}

/** Thrown by a function of a template; the evaluator adds where it happened. */
export class FunctionError extends Error {}
