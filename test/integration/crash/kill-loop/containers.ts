import { unframed } from "../../../support/frames.ts";
import { eventually } from "../../../support/wait.ts";
import type { Random } from "./random.ts";
import type { Session } from "./session.ts";

/** What a client was told of a container of its own. */
interface Known {
  id: string;
  name: string;
  /** `worker` writes its lines and ends with its code, `once` also goes with it, `sleeper` runs until it is stopped. */
  kind: "worker" | "once" | "sleeper";
  lines: number;
  code: number;
  stopped: boolean;
}

interface Inspect {
  Id: string;
  State: { Status: string; Running: boolean; ExitCode: number };
}

/** A client's containers: makes them, uses them, and compares with what it was told. */
export class Containers {
  readonly #session: Session;
  readonly #random: Random;
  readonly #prefix: string;
  #known: Known[] = [];
  /** Ids that are removed, as the client was told. */
  readonly #gone: string[] = [];
  #made = 0;

  constructor(session: Session, random: Random, prefix: string) {
    this.#session = session;
    this.#random = random;
    this.#prefix = prefix;
  }

  get count(): number {
    return this.#known.length;
  }

  /** @param host more of the host configuration. */
  async run(host: Record<string, unknown>): Promise<void> {
    const kind = this.#random.pick(["worker", "worker", "once", "sleeper"] as const) ?? "worker";
    this.#made += 1;
    const name = `${this.#prefix}-${this.#made}`;
    const lines = this.#random.between(1, 3000);
    const code = this.#random.between(0, 20);
    const script = kind === "sleeper" ? "exec sleep 3600" : `seq 1 ${lines}; exit ${code}`;
    const id = await this.#create(name, {
      Image: "busybox:local",
      Cmd: ["sh", "-c", script],
      HostConfig: { AutoRemove: kind === "once", ...host },
    });
    if (id === undefined) return;
    const container: Known = { id, name, kind, lines, code, stopped: false };
    this.#known.push(container);
    await this.#start(container);
  }

  /** The id; undefined when the create was cut short and there is no container. */
  async #create(name: string, body: unknown): Promise<string | undefined> {
    const session = this.#session;
    const answer = await session.call("POST", `/containers/create?name=${name}`, body);
    if (answer?.status === 201) return (answer.json as { Id: string }).Id; // the API's shape
    if (answer !== undefined) session.violated(`create ${name}: ${answer.status} ${answer.text}`);
    const found = await session.expect("GET", `/containers/${name}/json`, [200, 404]);
    return found.status === 200 ? (found.json as Inspect).Id : undefined; // the API's shape
  }

  async #start(container: Known): Promise<void> {
    const path = `/containers/${container.id}`;
    for (;;) {
      const answer = await this.#session.call("POST", `${path}/start`);
      if (answer?.status === 204) return;
      if (answer !== undefined) {
        if (this.#session.isBereaved(container.id)) return;
        return this.#session.violated(`start ${container.name}: ${answer.status} ${answer.text}`);
      }
      // It may have been started; a second start would be a second run.
      const mayBeGone = container.kind === "once" ? [404] : [];
      const found = await this.#session.expect("GET", `${path}/json`, [200, ...mayBeGone]);
      if (found.status !== 200 || (found.json as Inspect).State.Status !== "created") return; // the API's shape
    }
  }

  async stop(): Promise<void> {
    const container = this.#random.pick(this.#known.filter(({ kind, stopped }) => kind === "sleeper" && !stopped));
    if (container === undefined) return;
    const how = this.#random.pick(["stop?t=0", "kill"]) ?? "kill";
    const { answer, cut } = await this.#session.insist("POST", `/containers/${container.id}/${how}`);
    container.stopped = true;
    if (this.#session.isBereaved(container.id)) return;
    // An earlier kill may have been carried out; then there is nothing to kill.
    if (answer.status >= 400 && !(cut && how === "kill" && answer.status === 409)) {
      this.#session.violated(`${how} ${container.name}: ${answer.status} ${answer.text}`);
    }
    await this.#expectEnd(container);
  }

  async exec(): Promise<void> {
    const session = this.#session;
    const container = this.#random.pick(this.#known.filter(({ kind, stopped }) => kind === "sleeper" && !stopped));
    if (container === undefined) return;
    const { epoch } = session;
    const code = this.#random.between(0, 20);
    const body = { Cmd: ["sh", "-c", `echo hello; exit ${code}`], AttachStdout: true };
    const made = await session.call("POST", `/containers/${container.id}/exec`, body);
    if (made === undefined) return;
    if (session.isBereaved(container.id)) return;
    if (made.status !== 201) return session.violated(`exec in ${container.name}: ${made.status} ${made.text}`);
    const { Id } = made.json as { Id: string }; // the API's shape
    const output = await session.call("POST", `/exec/${Id}/start`, {});
    const state = await session.call("GET", `/exec/${Id}/json`);
    if (output === undefined || state === undefined || epoch !== session.epoch) return;
    if (session.isBereaved(container.id)) return;
    const { ExitCode } = state.json as { ExitCode: number }; // the API's shape
    const text = unframed(output.bytes);
    if (text !== "hello\n" || ExitCode !== code) {
      session.violated(`exec in ${container.name}: code ${ExitCode}, wanted ${code}, output ${JSON.stringify(text)}`);
    }
  }

  async remove(): Promise<void> {
    const container = this.#random.pick(this.#known);
    if (container !== undefined) await this.#remove(container);
  }

  async #remove(container: Known): Promise<void> {
    const path = `/containers/${container.id}?force=1&v=1`;
    const mayBeGone = container.kind === "once";
    await eventually(`the removal of ${container.name}`, async () => {
      const { answer, cut } = await this.#session.insist("DELETE", path);
      if (answer.status === 204 || (answer.status === 404 && (cut || mayBeGone))) return true;
      // It removes itself just now.
      if (answer.status === 409 && mayBeGone) return false;
      this.#session.violated(`remove ${container.name}: ${answer.status} ${answer.text}`);
      return true;
    });
    this.#known = this.#known.filter((each) => each !== container);
    this.#gone.push(container.id);
  }

  /** Compares what the engine says with what was told. */
  async check(): Promise<void> {
    for (const container of this.#known) {
      if (container.kind === "once") continue;
      const state = await this.#inspect(container);
      if (state === undefined) continue;
      const shouldRun = container.kind === "sleeper" && !container.stopped;
      const untold = shouldRun !== state.Running && container.kind === "sleeper";
      if (untold && !this.#session.isBereaved(container.id)) {
        this.#session.violated(`${container.name} is ${state.Status} with code ${state.ExitCode}`);
      }
      if (container.kind === "worker" && state.Status === "exited") await this.#expectWork(container, state.ExitCode);
    }
    for (const id of this.#gone.slice(-10)) {
      const { answer } = await this.#session.insist("GET", `/containers/${id}/json`);
      if (answer.status !== 404) this.#session.violated(`${id} was removed and is back: ${answer.text}`);
    }
  }

  async #inspect(container: Known): Promise<Inspect["State"] | undefined> {
    const answer = await this.#session.expect("GET", `/containers/${container.id}/json`, [200]);
    return answer.status === 200 ? (answer.json as Inspect).State : undefined; // the API's shape
  }

  async #expectEnd(container: Known): Promise<void> {
    const state = await this.#inspect(container);
    if (this.#session.isBereaved(container.id)) return;
    if (state !== undefined && (state.Running || state.ExitCode !== 137)) {
      this.#session.violated(`${container.name} was killed and is ${state.Status} with code ${state.ExitCode}`);
    }
  }

  async #expectWork(container: Known, code: number): Promise<void> {
    const session = this.#session;
    const bereaved = session.isBereaved(container.id);
    if (code !== container.code && !(bereaved && code === 137)) {
      session.violated(`${container.name} ended with ${code} instead of ${container.code}`);
    }
    const logs = await session.expect("GET", `/containers/${container.id}/logs?stdout=1&stderr=1`, [200]);
    const lines = unframed(logs.bytes).split("\n");
    const wrong = lines.findIndex((line, index) => line !== (index < container.lines ? String(index + 1) : ""));
    // What the supervisor had taken is there in its order, up to where it was killed.
    if (bereaved && code === 137 && (wrong === -1 || wrong === lines.length - 1)) return;
    if (lines.length !== container.lines + 1 || wrong !== -1) {
      session.violated(
        `${container.name} has ${lines.length - 1} lines of ${container.lines}, wrong at ${wrong}: ${lines.slice(wrong - 1, wrong + 2).join()}`,
      );
    }
  }

  /** Waits until everything that ends has ended, compares once more, and removes all. */
  async finish(): Promise<void> {
    for (const container of this.#known) {
      if (container.kind === "sleeper" && !this.#session.isBereaved(container.id)) continue;
      const ended = await eventually(`the end of ${container.name}`, async () => {
        const { answer } = await this.#session.insist("GET", `/containers/${container.id}/json`);
        if (container.kind === "once") return answer.status === 404;
        return answer.status !== 200 || !(answer.json as Inspect).State.Running; // the API's shape
      }).catch((error: unknown) => this.#session.violated(String(error)));
      if (ended === true && container.kind === "once") this.#known = this.#known.filter((each) => each !== container);
    }
    await this.check();
    for (const container of this.#known) await this.#remove(container);
  }
}
