import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { apiCall, type Answer } from "./api.ts";
import { apiProblems } from "./api-problems.ts";
import { busyboxArchive } from "./images.ts";
import type { EngineSubnet } from "./connections.ts";
import { cleanHost } from "./host.ts";
import { run, output, type Result, type RunOptions } from "./process.ts";
import { eventually } from "./wait.ts";

export const ROOT = new URL("../..", import.meta.url).pathname;
/** The executable under test: the one that tools/build makes, or another one (an installed one, say). */
export const BERTH = process.env["BERTH_UNDER_TEST"] ?? join(ROOT, "dist/berth");

/** `BERTH_TEST_POOL=0` runs the tests without supervisors that are started ahead, `1` with a pool that is soon used up. */
const { BERTH_TEST_POOL } = process.env;
const POOL = BERTH_TEST_POOL === undefined ? [] : [`--pool-size=${BERTH_TEST_POOL}`];

/** `BERTH_TEST_CGROUP_DRIVER=systemd` runs the tests with scopes of systemd for containers, in a slice of the engine. */
const { BERTH_TEST_CGROUP_DRIVER = "cgroupfs" } = process.env;

/** Environment for tests that wait for a clean host again and again: a netd that has nothing to serve ends sooner. */
export const SHORT_LINGER = { BERTH_NETD_LINGER: "100" };

/** Flags for tests that count the daemon's open files: supervisors that wait for a container have one each. */
export const NO_SPARES = ["--pool-size=0"];

let count = 0;

export interface EngineOptions {
  flags?: readonly string[];
  env?: Record<string, string>;
  /** User-defined networks without a subnet get one of the engine's own, so that its addresses are known by sight. */
  ownPool?: boolean;
  /** What the daemon is started by: `["nsenter", "--net=…", "--"]`. */
  launcher?: readonly string[];
  /** Default: of `BERTH_TEST_CGROUP_DRIVER`, or cgroupfs. */
  cgroupDriver?: "systemd";
  /** Load `busybox:local` (the default). */
  image?: boolean;
  /** Compare every answer with the API's document (the default); it costs the daemon memory and time. */
  checked?: boolean;
}

/**
 * A private daemon: own socket, roots, bridge, subnet and cgroup parent, so that it runs beside any other engine.
 * Disposing it removes its containers, ends it and takes away what it left on the host; it throws when an answer
 * contradicted the API's document.
 */
export class TestEngine implements AsyncDisposable {
  readonly folder: string;
  readonly name: string;
  readonly #options: EngineOptions;
  #child: ChildProcess | undefined;

  constructor(folder: string, name: string, options: EngineOptions) {
    this.folder = folder;
    this.name = name;
    this.#options = options;
  }

  get socket(): string {
    return join(this.folder, "berth.sock");
  }
  get dataRoot(): string {
    return join(this.folder, "data");
  }
  get execRoot(): string {
    return join(this.folder, "exec");
  }
  get logFile(): string {
    return join(this.folder, "daemon.log");
  }
  get configFile(): string {
    return join(this.folder, "daemon.json");
  }
  get reportFile(): string {
    return join(this.folder, "api-report");
  }
  get cgroupParent(): string {
    return this.#cgroupDriver === "systemd" ? `${this.name}.slice` : `/${this.name}`;
  }
  get #cgroupDriver(): string {
    return this.#options.cgroupDriver ?? BERTH_TEST_CGROUP_DRIVER;
  }
  get subnets(): EngineSubnet[] {
    const bridge = { prefix: subnetOf(this.name), size: 256 };
    return this.#options.ownPool === true ? [bridge, { prefix: poolOf(this.name), size: 16 }] : [bridge];
  }
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts the daemon and waits for its first answer. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const log = Bun.file(this.logFile);
    const offset = (await log.exists()) ? log.size : 0;
    const child = spawn(
      "/bin/sh",
      [
        "-c",
        'exec "$@" >>"$BERTH_TEST_LOG" 2>&1',
        "sh",
        ...(this.#options.launcher ?? []),
        BERTH,
        "daemon",
        ...this.flags,
      ],
      {
        stdio: "ignore",
        env: { ...process.env, ...this.#reporting(), ...this.#options.env, ...env, BERTH_TEST_LOG: this.logFile },
      },
    );
    this.#child = child;
    await eventually(`the daemon's first answer (${this.logFile})`, async () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the daemon ended:\n${(await this.log()).slice(offset)}`);
      }
      return await this.answers();
    });
  }

  /** The daemon compares every answer with the API's document; disposing fails when one contradicted it. */
  #reporting(): Record<string, string> {
    if (this.#options.checked === false) return {};
    return { BERTH_API_SCHEMA: join(ROOT, "test/fixtures/api/swagger.json"), BERTH_API_REPORT: this.reportFile };
  }

  /** Of its daemon. */
  get flags(): string[] {
    return [
      `--data-root=${this.dataRoot}`,
      `--exec-root=${this.execRoot}`,
      `--pidfile=${join(this.folder, "berth.pid")}`,
      `--host=unix://${this.socket}`,
      `--config-file=${this.configFile}`,
      `--bridge=${this.name}`,
      `--bridge-prefix=${this.name}-`,
      `--bip=${subnetOf(this.name)}1/24`,
      ...(this.#options.ownPool === true ? [`--default-address-pool=base=${poolOf(this.name)}0/24,size=28`] : []),
      `--cgroup-parent=${this.cgroupParent}`,
      ...(this.#cgroupDriver === "systemd" ? ["--exec-opt=native.cgroupdriver=systemd"] : []),
      ...POOL,
      ...(this.#options.flags ?? []),
    ];
  }

  async answers(): Promise<boolean> {
    if (!existsSync(this.socket)) return false;
    return await this.api("GET", "/_ping").then(
      (answer) => answer.status === 200,
      () => false,
    );
  }

  /** Kills the daemon with SIGKILL and waits until it is gone. Containers run on. */
  async kill9(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Asks the daemon to end, as a service manager does. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill(signal);
      await ended;
    }
    this.#child = undefined;
  }

  /** The daemon ended by itself (a crash point), or was ended. */
  get hasEnded(): boolean {
    const child = this.#child;
    return child === undefined || child.exitCode !== null || child.signalCode !== null;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  log(): Promise<string> {
    return readFile(this.logFile, "utf8").catch(() => "");
  }

  /** Runs the real docker CLI against this engine. */
  docker(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return run("docker", args, { ...options, env: { ...this.clientEnv(), ...options.env } });
  }

  /** Runs berth's own command against this engine. */
  berth(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return run(BERTH, args, { ...options, env: { ...this.clientEnv(), ...options.env } });
  }

  clientEnv(): Record<string, string> {
    const host = `unix://${this.socket}`;
    return { DOCKER_HOST: host, BERTH_HOST: host, DOCKER_CONFIG: join(this.folder, "client") };
  }

  /** One call of the API. A body that is not a string or bytes is sent as JSON. */
  api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return apiCall(this.socket, method, path, body, headers);
  }

  /** Removes every container with its anonymous volumes. */
  async removeContainers(): Promise<void> {
    const list = await this.api("GET", "/containers/json?all=1");
    const rows = Array.isArray(list.json) ? (list.json as Array<{ Id: string }>) : []; // the list's shape
    await Promise.all(rows.map((row) => this.api("DELETE", `/containers/${row.Id}?force=1&v=1`)));
  }

  async load(archive: Uint8Array): Promise<void> {
    const answer = await this.api("POST", "/images/load?quiet=1", archive, { "Content-Type": "application/x-tar" });
    if (answer.status !== 200 || answer.text.includes("errorDetail")) throw new Error(`load gave ${answer.text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== undefined && (await this.answers())) await this.removeContainers();
    await this.stop();
    await cleanHost(this);
    const problems = await apiProblems(this.reportFile);
    await rm(this.folder, { recursive: true, force: true });
    if (problems.length > 0) throw new Error(`answers contradict the API's document:\n${problems.join("\n")}`);
  }
}

/** A private daemon that runs and has `busybox:local`. */
export async function startEngine(options: EngineOptions = {}): Promise<TestEngine> {
  count += 1;
  // At most 15 bytes, since it names a bridge; the pid makes it this process's own.
  const name = `bt${process.pid.toString(36)}x${count.toString(36)}`;
  const folder = await mkdtemp(`/tmp/berth-engine-${name}-`);
  const engine = new TestEngine(folder, name, options);
  try {
    await writeFile(engine.configFile, "{}");
    await engine.start();
    if (options.image !== false) await engine.load(busyboxArchive());
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return engine;
}

/** A /24 within 10.0.0.0/8 that differs between engines of one and of neighbouring test processes: `10.1.2.`. */
function subnetOf(name: string): string {
  const number = Bun.hash.crc32(name) % 60_000;
  return `10.${10 + Math.floor(number / 250)}.${1 + (number % 250)}.`;
}

/** As `subnetOf`, within 100.64.0.0/10 (RFC 6598). */
function poolOf(name: string): string {
  const number = Bun.hash.crc32(name) % 16_000;
  return `100.${64 + Math.floor(number / 256)}.${number % 256}.`;
}

/** Runs docker against the engine and gives its output; throws when it fails. */
export async function dockerOutput(
  engine: TestEngine,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return await output("docker", args, { ...options, env: { ...engine.clientEnv(), ...options.env } });
}
