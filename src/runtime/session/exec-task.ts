import type { StdioStream } from "../../api/index.ts";
import type { Shim, ShimStdio } from "../shim/index.ts";
import type { ExecTask } from "../types.ts";

/** What `docker exec` reports when the supervisor went away with the process. */
const LOST = 137;

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
    this.stdio = stdio;
    this.exited = this.#wait();
  }

  async resize(size: { height: number; width: number }): Promise<void> {
    await this.#shim.resize(size, this.#id);
  }

  async #wait(): Promise<number> {
    try {
      const { code } = await this.#shim.waitExit(this.#id);
      await this.#shim.forgetExec(this.#id);
      return code;
    } catch {
      return LOST; // the shim is gone, and PID 1 with all others was killed for it
    }
  }
}
