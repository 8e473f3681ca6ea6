import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = "docker-registry";

/** Whether the program of Debian's docker-registry package is here; says so when not. */
export function hasDockerRegistry(): boolean {
  const there = spawnSync(PROGRAM, ["--version"]).error === undefined;
  if (!there) console.log(`skipped: no ${PROGRAM} on this machine`);
  return there;
}

export interface RegistryLogin {
  user: string;
  password: string;
}

/** The registry of the docker-registry package on a free port of 127.0.0.1, in memory of its own. */
export class DockerRegistry implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** `127.0.0.1:PORT`. */
  readonly host: string;

  private constructor(child: ChildProcess, folder: string, host: string) {
    this.#child = child;
    this.#folder = folder;
    this.host = host;
  }

  /** Starts one; with `login`, it lets only that user in. @throws with its log when it ends before it listens. */
  static async start(login?: RegistryLogin): Promise<DockerRegistry> {
    const folder = await mkdtemp(join(tmpdir(), "berth-registry-"));
    const config = join(folder, "config.json");
    const users = join(folder, "users");
    if (login !== undefined) {
      await writeFile(
        users,
        `${login.user}:${await Bun.password.hash(login.password, { algorithm: "bcrypt", cost: 4 })}\n`,
      );
    }
    const settings = {
      version: "0.1",
      log: { level: "info", formatter: "json" },
      storage: { inmemory: {}, delete: { enabled: true } },
      http: { addr: "127.0.0.1:0" },
      ...(login === undefined ? {} : { auth: { htpasswd: { realm: "test", path: users } } }),
    };
    await writeFile(config, JSON.stringify(settings)); // JSON is YAML
    const child = spawn(PROGRAM, ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
    try {
      return new DockerRegistry(child, folder, await addressOf(child));
    } catch (error) {
      await rm(folder, { recursive: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.kill("SIGKILL")) await ended;
    await rm(this.#folder, { recursive: true });
  }
}

/** Its log tells the port that the kernel chose. The log is read to its end, so that the registry never waits. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = "";
    child.stderr?.on("data", (data: Buffer) => {
      log += data.toString();
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the registry ended:\n${log}`)));
  });
}
