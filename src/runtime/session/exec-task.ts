import type { OutputChunk, StdioStream } from "../../api/index.ts";
import type { Shim, ShimStdio } from "../shim/index.ts";
import type { ExecTask } from "../types.ts";

/** What `docker exec` reports when the supervisor went away with the process. */
const LOST = 137;
/** Milliseconds from an exec's end to the removal of its record. */
const FORGET_AFTER = 5;

/**
 * The same stream, whose output ends only once the exit is known: a client that read to the end asks for the exit code
 * next, and must get it.
 */
function endingAfter(stdio: ShimStdio, exited: Promise<unknown>): StdioStream {
  return {
    tty: stdio.tty,
    output: untilExit(stdio, exited),
    write: (data) => stdio.write(data),
    closeInput: () => stdio.closeInput(),
    [Symbol.asyncDispose]: () => stdio[Symbol.asyncDispose](),
  };
}

async function* untilExit(stdio: ShimStdio, exited: Promise<unknown>): AsyncGenerator<OutputChunk> {
  yield* stdio.output;
  if (stdio.end === "drained") await exited;
}

/** A further process of a container, over its shim. */
export class ShimExecTask implements ExecTask {
  readonly pid: number;
  readonly stdio: StdioStream | undefined;
  readonly exited: Promise<number>;
  readonly #shim: Shim;
  readonly #id: string;

  constructor(shim: Shim, id: string, pid: number, stdio: ShimStdio | undefined) {
    this.#shim = shim;
    this.#id = id;
    this.pid = pid;
    this.exited = this.#wait();
    this.stdio = stdio === undefined ? undefined : endingAfter(stdio, this.exited);
  }

  async resize(size: { height: number; width: number }): Promise<void> {
    await this.#shim.resize(size, this.#id);
  }

  async #wait(): Promise<number> {
    try {
      const { code } = await this.#shim.waitExit(this.#id);
      // A client waits for the end of its stream now, and nobody for the record's: what fails goes with the directory.
      setTimeout(() => void this.#shim.forgetExec(this.#id).catch(() => undefined), FORGET_AFTER).unref();
      return code;
    } catch {
      return LOST; // the shim is gone, and PID 1 with all others was killed for it
    }
  }
}
