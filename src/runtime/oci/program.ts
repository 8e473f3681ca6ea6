import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { errnoOf, type Logger } from "../../base/index.ts";

/** The command line that runc, crun and runsc share (runc(8)), for one container. */
export class OciProgram {
  readonly #path: string;
  readonly #global: string[];
  readonly #log: string;
  readonly #id: string;

  /**
   * @param place `root`: the runtime's own state; `log`: where it says what went wrong.
   */
  constructor(path: string, id: string, place: { root: string; log: string }) {
    this.#path = path;
    this.#id = id;
    this.#log = place.log;
    this.#global = ["--root", place.root, "--log", place.log, "--log-format", "json"];
  }

  create(bundle: string, pidFile: string, consoleSocket: string | undefined): string[] {
    return this.#argv("create", ["--bundle", bundle, "--pid-file", pidFile, ...console(consoleSocket)]);
  }

  start(): string[] {
    return this.#argv("start", []);
  }

  exec(processFile: string, pidFile: string, consoleSocket: string | undefined): string[] {
    const options = ["--detach", "--process", processFile, "--pid-file", pidFile, ...console(consoleSocket)];
    return this.#argv("exec", options);
  }

  /** Removes the runtime's state of the container. A container that it does not know is none of its failures. */
  async delete(logger: Logger): Promise<void> {
    const [program = "", ...args] = this.#argv("delete", ["--force"]);
    const child = spawn(program, args, { stdio: "ignore" });
    try {
      const [code] = await once(child, "exit");
      if (code !== 0) logger.debug(`${program} delete of ${this.#id} ended with ${String(code)}`);
    } catch (error) {
      logger.warn(`could not run ${program} to delete ${this.#id}: ${String(error)}`);
    }
  }

  /** The last thing that the runtime complained of. */
  async lastError(): Promise<string> {
    const text = await readFile(this.#log, "utf8").catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return "";
      throw error;
    });
    const errors = text.split("\n").flatMap(errorMessage);
    return errors.at(-1) ?? `${this.#path} did not terminate successfully`;
  }

  #argv(command: string, options: string[]): string[] {
    return [this.#path, ...this.#global, command, ...options, this.#id];
  }
}

const console = (socket: string | undefined) => (socket === undefined ? [] : ["--console-socket", socket]);

/** A line such as `{"level":"error","msg":"…","time":"…"}`. */
function errorMessage(line: string): string[] {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null || !("level" in entry) || !("msg" in entry)) return [];
    return (entry.level === "error" || entry.level === "fatal") && typeof entry.msg === "string" ? [entry.msg] : [];
  } catch {
    return []; // a runtime's stray line is no message of the kind that is looked for
  }
}
