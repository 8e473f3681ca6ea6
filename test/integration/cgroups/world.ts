import { existsSync, readFileSync } from "node:fs";
import { dockerOutput, startEngine, TestEngine, type EngineOptions } from "../../support/engine.ts";
import { eventually } from "../../support/wait.ts";

/** cgroup v2 alone is mounted here. */
export const UNIFIED = existsSync("/sys/fs/cgroup/cgroup.controllers");
const mib = (count: number) => count * 1024 * 1024;
export const MIB = mib(1);

export interface Inspected {
  State: { Status: string; Pid: number; ExitCode: number; OOMKilled: boolean };
  HostConfig: Record<string, unknown>;
}

/** What the tests of limits use of the statistics. */
export interface Stats {
  cpu_stats: {
    cpu_usage: { total_usage: number };
    throttling_data: { periods: number; throttled_periods: number };
  };
  memory_stats: { usage: number; limit: number };
  pids_stats: { current: number; limit?: number };
  blkio_stats: { io_service_bytes_recursive: Array<{ op: string; value: number }> | null };
}

/** Another engine that runs already and has `busybox:local`: what is expected of berth is held against it. */
class Peer extends TestEngine {
  readonly #socket: string;

  constructor(socket: string) {
    super("", "", {});
    this.#socket = socket;
  }

  override get socket(): string {
    return this.#socket;
  }

  /** Its containers are removed by the tests. */
  override async [Symbol.asyncDispose](): Promise<void> {}
}

/** One engine, and containers by their host configuration alone. */
export class LimitedWorld implements AsyncDisposable {
  readonly engine: TestEngine;

  private constructor(engine: TestEngine) {
    this.engine = engine;
  }

  static async start(options: EngineOptions = {}): Promise<LimitedWorld> {
    const { BERTH_LIMITS_PEER: peer } = process.env;
    return new LimitedWorld(peer === undefined ? await startEngine(options) : new Peer(peer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }

  get isBerth(): boolean {
    return !(this.engine instanceof Peer);
  }

  /** A container that runs. */
  async begin(hostConfig: object, ...command: string[]): Promise<string> {
    const body = {
      Image: "busybox:local",
      Cmd: command,
      Tty: true,
      HostConfig: { NetworkMode: "none", ...hostConfig },
    };
    const created = await this.engine.api("POST", "/containers/create", body);
    const { Id: id } = created.json as { Id?: string }; // create's shape; without it the text tells why
    if (id === undefined) throw new Error(created.text);
    const started = await this.engine.api("POST", `/containers/${id}/start`);
    if (started.status !== 204) throw new Error(started.text);
    return id;
  }

  /** A shell script's exit code, output and end state in a container with this configuration. */
  async run(hostConfig: object, ...command: string[]) {
    const id = await this.begin(hostConfig, ...command);
    await this.engine.api("POST", `/containers/${id}/wait`);
    const { State } = await this.inspect(id);
    const output = await this.logs(id);
    await this.remove(id);
    return { code: State.ExitCode, oom: State.OOMKilled, output };
  }

  async logs(id: string): Promise<string> {
    const answer = await this.engine.api("GET", `/containers/${id}/logs?stdout=1&stderr=1`);
    return answer.text.replaceAll("\r\n", "\n");
  }

  async said(id: string, word: string): Promise<void> {
    await eventually(`"${word}" of the container`, async () => (await this.logs(id)).includes(word));
  }

  async inspect(id: string): Promise<Inspected> {
    return (await this.engine.api("GET", `/containers/${id}/json`)).json as Inspected; // inspect's shape
  }

  /** Actions of what has happened to it so far. */
  async events(id: string): Promise<string[]> {
    const until = String(Date.now() / 1000);
    const filters = encodeURIComponent(JSON.stringify({ container: [id] }));
    const { text } = await this.engine.api("GET", `/events?since=1&until=${until}&filters=${filters}`);
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line) => (JSON.parse(line) as { Action: string }).Action); // an event's shape
  }

  async stats(id: string): Promise<Stats> {
    const path = `/containers/${id}/stats?stream=false&one-shot=true`;
    return (await this.engine.api("GET", path)).json as Stats; // the statistics' shape
  }

  /** @returns the answer's status and its warnings or message. */
  async update(id: string, change: object): Promise<string> {
    const { status, text } = await this.engine.api("POST", `/containers/${id}/update`, change);
    return `${status} ${text.trim()}`;
  }

  async exec(id: string, ...command: string[]): Promise<string> {
    return await dockerOutput(this.engine, ["exec", id, ...command]);
  }

  async remove(id: string): Promise<void> {
    await this.engine.api("DELETE", `/containers/${id}?force=1`);
  }

  /** A file of the container's cgroup as the host sees it: of this v1 controller, or of v2. */
  async cgroupFile(id: string, v1: readonly [controller: string, file: string], v2: string): Promise<string> {
    const { State } = await this.inspect(id);
    const lines = readFileSync(`/proc/${State.Pid}/cgroup`, "utf8").split("\n");
    const place = (controller: string) =>
      lines
        .map((line) => line.split(":"))
        .find(([number, names = ""]) => (UNIFIED ? number === "0" : names.split(",").includes(controller)))?.[2] ?? "";
    const [controller, file] = v1;
    const path = UNIFIED
      ? `/sys/fs/cgroup${place("")}/${v2}`
      : `/sys/fs/cgroup/${controller}${place(controller)}/${file}`;
    return readFileSync(path, "utf8").trim();
  }
}
