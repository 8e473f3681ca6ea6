import { unframed } from "../../../support/frames.ts";
import { eventually } from "../../../support/wait.ts";
import { inspect, isUp, lasts, type Inspect, type Kind, type Known, type World } from "./container.ts";
import { furthest, sayFarewell, type Farewell } from "./farewell.ts";
import { operations } from "./operations.ts";
import type { Random } from "./random.ts";
import type { Session } from "./session.ts";
import { UDP_HOSTS } from "./udp-server.ts";

const KINDS: readonly Kind[] = ["worker", "worker", "once", "again", "sleeper", "sleeper", "server"];
const PUBLISHED = {
  "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }],
  "90/udp": UDP_HOSTS.map((HostIp) => ({ HostIp, HostPort: "" })),
};
/** Starts of what fails and is started again. */
const RUNS = 3;

/** What a client has besides its containers. */
export type Surroundings = Pick<World, "networks" | "use" | "fresh" | "tagged">;

/** A client's containers: makes them, uses them, and compares with what it was told. */
export class Containers {
  readonly #session: Session;
  readonly #random: Random;
  readonly #client: string;
  #known: Known[] = [];
  /** Ids that are removed, as the client was told. */
  readonly #gone: string[] = [];
  /** Of those, what is to be asked of the collectors once nothing is killed any more. */
  readonly #farewells: Farewell[] = [];

  /** @param client whose they are: their label. */
  constructor(session: Session, random: Random, client: string) {
    this.#session = session;
    this.#random = random;
    this.#client = client;
  }

  get count(): number {
    return this.#known.length;
  }

  /** Whether a container has that volume; one that removes itself may be gone with it. */
  holds(name: string): "yes" | "no" | "maybe" {
    const holders = this.#known.filter(({ volume }) => volume === name);
    if (holders.length === 0) return "no";
    return holders.some(({ kind }) => kind !== "once") ? "yes" : "maybe";
  }

  /** @param network undefined: the default one. */
  async run({ fresh }: Surroundings, volume: string | undefined, network: string | undefined): Promise<void> {
    const kind = this.#random.pick(KINDS) ?? "worker";
    const sending = this.#session.collectors?.pick(this.#random);
    const container: Known = {
      id: "",
      name: fresh("c"),
      kind,
      lines: this.#random.between(1, sending?.most ?? 3000),
      code: this.#random.between(kind === "again" ? 1 : 0, 20),
      running: true,
      paused: false,
      hasHealth: lasts({ kind }) && this.#random.next() < 0.3,
      memory: 0,
      volume,
      sending,
      hasArrived: false,
      networks: new Set(network === undefined || network === "none" ? [] : [network]),
      files: new Map(),
    };
    const isServer = kind === "server";
    const id = await this.#create(container.name, {
      Image: "busybox:local",
      Cmd: ["sh", "-c", scriptOf(container)],
      Labels: { client: this.#client },
      ...(isServer ? { ExposedPorts: { "80/tcp": {}, "90/udp": {} } } : {}),
      ...(container.hasHealth ? { Healthcheck: { Test: ["CMD", "true"], Interval: 1e9, Retries: 100 } } : {}),
      HostConfig: {
        AutoRemove: kind === "once",
        LogConfig: sending?.LogConfig ?? { Type: this.#random.pick(["json-file", "local"]) },
        ...(kind === "again" ? { RestartPolicy: { Name: "on-failure", MaximumRetryCount: RUNS - 1 } } : {}),
        ...(volume === undefined ? {} : { Binds: [`${volume}:/data`] }),
        ...(this.#random.next() < 0.3 ? { Tmpfs: { "/scratch": "size=1m" } } : {}),
        ...(network === undefined || (isServer && network === "none") ? {} : { NetworkMode: network }),
        ...(isServer ? { PortBindings: PUBLISHED } : {}),
      },
    });
    if (id === undefined) return;
    container.id = id;
    this.#known.push(container);
    await (kind === "worker" && this.#random.next() < 0.5 ? this.#startAttached(container) : this.#start(container));
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

  /** @returns false when it was refused. */
  async #start(container: Known): Promise<boolean> {
    const path = `/containers/${container.id}`;
    for (;;) {
      const answer = await this.#session.call("POST", `${path}/start`);
      if (answer?.status === 204) return true;
      if (answer !== undefined) {
        if (this.#session.isBereaved(container.id)) return false;
        this.#session.violated(`start ${container.name}: ${answer.status} ${answer.text}`);
        return false;
      }
      // It may have been started; a second start would be a second run.
      const mayBeGone = container.kind === "once" ? [404] : [];
      const found = await this.#session.expect("GET", `${path}/json`, [200, ...mayBeGone]);
      if (found.status !== 200 || (found.json as Inspect).State.Status !== "created") return true; // the API's shape
    }
  }

  /** As `docker run` does: all that it writes comes to the client, unless the daemon goes. */
  async #startAttached(container: Known): Promise<void> {
    const { epoch } = this.#session;
    const stream = await this.#session.stream("POST", `/containers/${container.id}/attach?stream=1&stdout=1`);
    const isStarted = await this.#start(container);
    if (!isStarted) stream?.close();
    await stream?.ended;
    if (!isStarted || stream === undefined || !(await this.#session.isStill(epoch))) return;
    if (this.#session.isBereaved(container.id)) return;
    if (stream.text !== linesOf(container)) this.#session.violated(`attached to ${container.name}: ${stream.text}`);
  }

  /** Does one thing with one of them. */
  async operate(surroundings: Surroundings): Promise<void> {
    const possible = Object.entries(operations).filter(([, { fits }]) => this.#known.some(fits));
    const [name, operation] = this.#random.pick(possible) ?? [];
    const container = operation && this.#random.pick(this.#known.filter(operation.fits));
    if (name === undefined || operation === undefined || container === undefined) return;
    this.#session.did(name);
    await operation.run({ ...surroundings, session: this.#session, random: this.#random, container });
  }

  async remove(): Promise<void> {
    const container = this.#random.pick(this.#known);
    if (container === undefined) return;
    const isWhole = this.#random.next() < 0.7 && container.kind !== "once" && !lasts(container);
    await this.#remove(container, isWhole && (await this.#ends(container)));
  }

  /** @param isWhole all its lines are written: they are to arrive, or to be told as lost. */
  async #remove(container: Known, isWhole: boolean): Promise<void> {
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
    this.#forget(container, isWhole);
  }

  #forget(container: Known, isWhole: boolean): void {
    this.#known = this.#known.filter((each) => each !== container);
    this.#gone.push(container.id);
    if (!lasts(container)) this.#farewells.push({ container, runs: isWhole ? runsOf(container) : undefined });
  }

  /** Takes away what does not run. */
  async prune(): Promise<void> {
    const filters = JSON.stringify({ label: [`client=${this.#client}`] });
    await this.#session.prune("containers", filters);
    for (const container of this.#known) {
      const { answer } = await this.#session.insist("GET", `/containers/${container.id}/json`);
      const isBereaved = this.#session.isBereaved(container.id);
      if (answer.status === 404) {
        if (lasts(container) && container.running && !isBereaved) {
          this.#session.violated(`${container.name} ran and was pruned`);
        }
        this.#forget(container, true);
      } else if (lasts(container) && !container.running && !isBereaved) {
        this.#session.violated(`${container.name} was stopped and is left after a prune: ${answer.text}`);
      }
    }
  }

  /** Compares what the engine says with what was told. */
  async check(): Promise<void> {
    for (const container of this.#known) if (container.kind !== "once") await this.#compare(container);
    for (const id of this.#gone.slice(-10)) {
      const { answer } = await this.#session.insist("GET", `/containers/${id}/json`);
      if (answer.status !== 404) this.#session.violated(`${id} was removed and is back: ${answer.text}`);
    }
  }

  async #compare(container: Known): Promise<void> {
    const session = this.#session;
    const found = await inspect({ session, container });
    if (found === undefined) return;
    const { State: state, Name, HostConfig, NetworkSettings } = found;
    if (Name !== `/${container.name}`) session.violated(`${container.name} is called ${Name}`);
    if (session.isBereaved(container.id)) return await this.#compareWork(container, found);
    if (HostConfig.Memory !== container.memory) session.violated(`${container.name} has ${HostConfig.Memory} bytes`);
    if (lasts(container)) {
      const told = container.paused ? "paused" : container.running ? "running" : "exited";
      if (state.Status !== told) {
        session.violated(`${container.name} is ${state.Status} (${state.ExitCode}) instead of ${told}`);
      }
      const missing = [...container.networks].filter((name) => NetworkSettings.Networks[name] === undefined);
      if (missing.length > 0) session.violated(`${container.name} is not in ${missing.join(", ")}`);
    }
    await this.#compareWork(container, found);
  }

  async #compareWork(container: Known, { State, RestartCount }: Inspect): Promise<void> {
    const hasEnded = State.Status === "exited" && (container.kind === "worker" || RestartCount === RUNS - 1);
    if (lasts(container) || !hasEnded) return;
    await this.#expectWork(container, State.ExitCode);
    if (container.kind === "worker") await this.#arrives(container);
  }

  async #expectWork(container: Known, code: number): Promise<void> {
    const session = this.#session;
    const bereaved = session.isBereaved(container.id);
    if (code !== container.code && !(bereaved && code === 137)) {
      session.violated(`${container.name} ended with ${code} instead of ${container.code}`);
    }
    const logs = await session.expect("GET", `/containers/${container.id}/logs?stdout=1&stderr=1`, [200]);
    const wanted = linesOf(container).repeat(runsOf(container));
    const text = unframed(logs.bytes);
    if (text === wanted) return;
    // What the supervisor had taken is there in its order, up to where it was killed.
    if (bereaved && (container.kind === "again" || wanted.startsWith(text))) return;
    const [lines, all] = [text.split("\n"), wanted.split("\n")];
    const wrong = lines.findIndex((line, index) => line !== all[index]);
    session.violated(
      `${container.name} has ${lines.length - 1} lines of ${all.length - 1}, wrong at ${wrong}: ${lines.slice(wrong - 1, wrong + 2).join()}`,
    );
  }

  /** Waits until everything is as it should be in the end, compares once more, and removes all. */
  async finish(): Promise<void> {
    for (const container of this.#known) {
      if (lasts(container) && !(isUp(container) && container.hasHealth)) continue;
      const ended = await this.#ends(container);
      if (ended && container.kind === "once") this.#forget(container, true);
    }
    await this.check();
    for (const container of this.#known) await this.#remove(container, !lasts(container));
    for (const farewell of this.#farewells) await sayFarewell(this.#session, farewell);
  }

  /** Waits until it is as it should be in the end. @returns false when that never came. */
  async #ends(container: Known): Promise<boolean> {
    return await eventually(`the end of ${container.name}`, async () => {
      const { answer } = await this.#session.insist("GET", `/containers/${container.id}/json`);
      if (container.kind === "once") return answer.status === 404;
      return answer.status !== 200 || this.#isSettled(container, answer.json as Inspect); // the API's shape
    }).catch((error: unknown) => {
      this.#session.violated(String(error));
      return false;
    });
  }

  /** Every line of its log comes to the collector: in order, though some may come twice. */
  async #arrives(container: Known): Promise<void> {
    const session = this.#session;
    if (container.sending === undefined || container.hasArrived) return;
    container.hasArrived = true;
    const logs = await session.expect("GET", `/containers/${container.id}/logs?stdout=1`, [200]);
    const kept = unframed(logs.bytes).split("\n").length - 1;
    const last = () => furthest(session.collectors?.linesOf(container.id) ?? []);
    const isWhole = await eventually(`line ${kept}`, () => last() === undefined || last() === kept).then(
      () => last() !== undefined,
      () => false,
    );
    if (!isWhole && !(container.sending.mayDrop && (session.collectors?.dropped() ?? 0) > 0)) {
      const what = last() === undefined ? "came out of order, or one is missing" : `came to ${last()} of ${kept}`;
      session.violated(`lines of ${container.name} ${what}`);
    }
    session.did("lines sent");
  }

  #isSettled(container: Known, { State, RestartCount }: Inspect): boolean {
    if (this.#session.isBereaved(container.id)) return lasts(container) || !State.Running;
    if (lasts(container)) return State.Health?.Status === "healthy";
    return State.Status === "exited" && (container.kind === "worker" || RestartCount === RUNS - 1);
  }
}

function scriptOf({ kind, lines, code }: Known): string {
  if (kind === "sleeper") return "exec sleep 3600";
  // The first twelve digits of its id.
  if (kind === "server")
    return "mkdir -p /w; printf %s $HOSTNAME >/w/index.html; udp-server 90 & exec httpd -f -p 80 -h /w";
  return `seq 1 ${lines}; exit ${code}`;
}

const runsOf = ({ kind }: Known) => (kind === "again" ? RUNS : 1);

function linesOf({ lines }: Known): string {
  let text = "";
  for (let line = 1; line <= lines; line++) text += `${line}\n`;
  return text;
}
