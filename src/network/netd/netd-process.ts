import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { messageOf, Retries } from "../../base/index.ts";
import type { Logger } from "../../base/index.ts";
import { netdFailed } from "../errors.ts";
import { LinkLost, LinkStuck, NetdLink } from "./link.ts";
import type { Netd, NetdConfig, NetdEntry } from "./types.ts";
import type { Request } from "./wire.ts";

/** It may be killed each time while it is asked; a start of a container fails only when nothing else helps. */
const ATTEMPTS = 10;
/** Milliseconds for an answer. What netd does for one takes some; the rest is for a machine that swaps. */
const PATIENCE = 10_000;
/** Only what the executable needs: the daemon's own variables are none of its business. */
const PASSED = ["PATH", "TMPDIR", "BUN_TMPDIR", "BERTH_NETD_LINGER"];

/** How a netd is started, and where it is found. */
export interface NetdProgram {
  command: string;
  /** What comes before netd's own options. */
  args: readonly string[];
  socket: string;
  addon: string;
  /** A process of another version is replaced. */
  version: string;
  /** Milliseconds after which one that does not answer is replaced, too: 10,000. */
  patience?: number;
}

/**
 * netd as a process of its own, which outlives the daemon: started once something is to be served, found again by its
 * socket, started anew when it was killed. Here is what it has to serve; it is told all of that whenever it is met.
 */
export class NetdProcess implements Netd {
  readonly #program: NetdProgram;
  readonly #config: NetdConfig;
  readonly #logger: Logger;
  readonly #entries = new Map<string, NetdEntry>();
  readonly #mending: Retries;
  #link: Promise<NetdLink> | undefined;
  /** What `#link` gave. */
  #opened: NetdLink | undefined;
  #disposed = false;

  constructor(parts: { program: NetdProgram; config: NetdConfig; logger: Logger }) {
    this.#program = parts.program;
    this.#config = parts.config;
    this.#logger = parts.logger;
    this.#mending = new Retries({
      what: "starting the process for names of containers",
      work: async () => {
        if (this.#entries.size > 0) await this.#connected();
      },
      logger: parts.logger,
    });
  }

  async put(entry: NetdEntry, fresh: boolean): Promise<void> {
    const { container } = entry.sandbox;
    this.#entries.set(container, entry);
    for (let attempt = 1; ; attempt++) {
      try {
        const link = await this.#connected();
        await link.request({ op: "put", entry, fresh: fresh && attempt === 1 });
        return;
      } catch (error) {
        await this.#endStuck(error);
        // It may have ended just now, since there was nothing to do.
        if (!(error instanceof LinkLost)) throw error;
        if (attempt === ATTEMPTS) throw netdFailed(error.message);
      }
    }
  }

  async drop(container: string): Promise<void> {
    if (!this.#entries.delete(container) || this.#link === undefined) return;
    try {
      await (await this.#link).request({ op: "drop", container });
    } catch (error) {
      await this.#endStuck(error);
      // One that is gone serves nothing; the next is told only what there is then.
      if (!(error instanceof LinkLost))
        this.#logger.warn("names of a container are still served", { container, error: messageOf(error) });
    }
  }

  async sync(entries: readonly NetdEntry[]): Promise<void> {
    for (const entry of entries) this.#entries.set(entry.sandbox.container, entry);
    // With nothing to serve a process that is there is told so, and none is started.
    if (entries.length === 0 && !existsSync(this.#program.socket)) return;
    try {
      await this.#connected();
    } catch (error) {
      this.#mending.later(error);
    }
  }

  #connected(): Promise<NetdLink> {
    this.#link ??= this.#open();
    return this.#link;
  }

  async #open(): Promise<NetdLink> {
    let link: NetdLink | undefined;
    try {
      const opened = (await this.#meet()) ?? (await this.#start());
      link = opened;
      const sync: Request = { op: "sync", config: this.#config, entries: [...this.#entries.values()] };
      await link.request(sync);
      this.#opened = opened;
      void opened.ended.then(() => this.#lost(opened));
      return opened;
    } catch (error) {
      link?.close();
      this.#link = undefined;
      await this.#endStuck(error);
      throw error;
    }
  }

  /** It was killed, or had nothing to do any more. */
  #lost(link: NetdLink): void {
    if (this.#opened === link) this.#link = undefined;
    if (!this.#disposed && this.#entries.size > 0) this.#mending.soon();
  }

  /** Kills what serves the socket and does not answer: nobody else could have the containers' sockets that it holds. */
  async #endStuck(failure: unknown): Promise<void> {
    if (!(failure instanceof LinkStuck)) return;
    this.#logger.warn("the process for names of containers does not answer and is replaced");
    for (const entry of await readdir("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const command = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => ""); // it ended meanwhile
      if (command.includes(`\0--socket\0${this.#program.socket}\0`)) killNow(Number(entry));
    }
  }

  /** The process that a daemon before this one started, if it is of this version. */
  async #meet(): Promise<NetdLink | undefined> {
    const link = await NetdLink.open(this.#program.socket, this.#patience, this.#log);
    if (link === undefined) return undefined;
    try {
      const { version } = await link.request({ op: "hello" });
      if (version === this.#program.version) return link;
      await link.request({ op: "retire" });
    } catch (error) {
      await this.#endStuck(error);
      if (!(error instanceof LinkLost)) throw error;
    }
    link.close();
    return undefined;
  }

  async #start(): Promise<NetdLink> {
    const { command, args, socket, addon, version } = this.#program;
    const options = ["--socket", socket, "--addon", addon, "--version", version];
    const env = Object.fromEntries(PASSED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
    const child = spawn(command, [...args, ...options], {
      cwd: "/",
      detached: true,
      env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), this.#patience);
    await new Promise<void>((resolve, reject) => {
      child.once("error", (error) => reject(netdFailed(`did not start: ${error.message}`)));
      child.once("exit", (code, signal) =>
        reject(signal === null ? netdFailed(`ended at once (${code})`) : new LinkLost(`was killed (${signal})`)),
      );
      child.stdout.once("data", () => resolve());
    }).finally(() => clearTimeout(timer));
    child.removeAllListeners();
    child.stdout.destroy();
    child.unref();
    const link = await NetdLink.open(socket, this.#patience, this.#log);
    if (link === undefined) throw new LinkLost("does not listen any more");
    return link;
  }

  get #patience(): number {
    return this.#program.patience ?? PATIENCE;
  }

  readonly #log = (line: string): void => this.#logger.warn("netd", { line });

  /** Lets go of it; it serves on. One that has nothing to serve ends now. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#mending[Symbol.dispose]();
    const link = await this.#link?.catch(() => undefined);
    if (this.#entries.size === 0 && link !== undefined) {
      await link.request({ op: "retire" }).catch((error: unknown) => this.#endStuck(error));
      await link.end();
    }
    link?.close();
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself just now.
  }
}
