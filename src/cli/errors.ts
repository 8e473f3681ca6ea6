/** An end of a command with its exit code; what is printed to standard error is the message, when there is one. */
export class CliError extends Error {
  readonly exitCode: number;

  /** What still goes to standard output: Docker ends a line there before some errors. */
  readonly stdout: string;

  constructor(message: string, exitCode = 1, options?: { cause?: unknown; stdout?: string }) {
    super(message, options);
    this.stdout = options?.stdout ?? "";
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

/** A command line that does not parse: Docker's exit code for it is 125. */
export class FlagError extends Error {}

/** A container cannot be made, though its flags can be read. */
export class CreateError extends CliError {}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The detach keys ended `attach` or `exec`: for Docker's clients that is an error, while a `run` then ends well. */
export function detached(): CliError {
  return new CliError("read escape sequence");
}
