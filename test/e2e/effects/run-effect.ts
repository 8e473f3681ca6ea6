import { readlinkSync } from "node:fs";
import { apiCall, type Answer } from "../../support/api.ts";
import { openStream, type Streamed } from "../../support/stream.ts";
import { eventually } from "../../support/wait.ts";
import { difference, flatten, messageOf, type Names } from "../matrix/normalise.ts";
import { Creations, named, volumesOf } from "../matrix/run-create.ts";
import type { CreateAttempt } from "../matrix/types.ts";
import { isOfHost, linesOf, withoutChance, type Known } from "./lines.ts";
import { EFFECT_SCRIPT, LAST_LINE } from "./script.ts";

/** What is compared of a container that was started. */
export interface Effect {
  status: number;
  message?: string;
  /** Lines that it tells and a container of which nothing is asked does not, and the other way round. */
  told?: Record<string, "more" | "less">;
  /** Of one whose command is another than the script. */
  output?: string;
  /** Members of inspect that differ from those of a container of which nothing is asked, while both run. */
  inspect?: Record<string, unknown>;
  /** Everything that the engine told of it from create to remove, and how often. */
  events?: Record<string, number>;
}

interface Plain {
  lines: ReadonlySet<string>;
  inspect: Record<string, unknown>;
}

const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

/** Starts containers on an engine that has the image `busybox:local`, and tells what became of them. */
export class Effects implements AsyncDisposable {
  readonly #socket: string;
  readonly #creations: Creations;
  readonly #owners: Map<string, string>;
  #plain: Plain = { lines: new Set(), inspect: {} };
  #count = 0;

  private constructor(socket: string, creations: Creations, owners: Map<string, string>) {
    this.#socket = socket;
    this.#creations = creations;
    this.#owners = owners;
  }

  static async on(socket: string): Promise<Effects> {
    const creations = new Creations(socket);
    await creations.prepare();
    const { json } = await apiCall(socket, "GET", `/containers/${creations.peerId}/json`, undefined);
    const { Pid } = (json as { State: { Pid: number } }).State; // inspect's answer
    const links = (pid: string | number, owner: string) =>
      NAMESPACES.map((kind): [string, string] => [readlinkSync(`/proc/${pid}/ns/${kind}`), owner]);
    const effects = new Effects(socket, creations, new Map([...links(Pid, "peer"), ...links("self", "host")]));
    const body = { Image: "busybox:local", Cmd: ["sh", "-c", EFFECT_SCRIPT] };
    await effects.attempt({ key: "plain", body, start: true }, (plain) => (effects.#plain = plain));
    return effects;
  }

  /** Makes, starts and removes the container of an attempt. @param seen is given what it tells and what inspect says. */
  async attempt({ body, key }: CreateAttempt, seen: (plain: Plain) => void = () => undefined): Promise<Effect> {
    this.#count += 1;
    const prefix = `berth-effect-${process.pid}-${this.#count}`;
    const since = (Date.now() / 1000 - 0.001).toFixed(3);
    const answer = await this.#call("POST", `/containers/create?name=${prefix}`, named(body, prefix));
    if (answer.status !== 201) return { status: answer.status, message: messageOf(answer) };
    const { Id: id } = answer.json as { Id: string }; // create's answer
    const names: Names = { prefix, id, peer: this.#creations.peerId };
    const known: Known = { names, owners: this.#owners, asked: key };
    const { json } = await this.#call("GET", `/containers/${id}/json`);
    const volumes = volumesOf(json);
    const outcome = await this.#start(id, known, json, seen).finally(() =>
      this.#call("DELETE", `/containers/${id}?force=1&v=1`),
    );
    const events = await this.#events(id, since, known);
    for (const name of volumes) await this.#call("DELETE", `/volumes/${encodeURIComponent(name)}?force=1`);
    return { ...outcome, events };
  }

  async #start(id: string, known: Known, json: unknown, seen: (plain: Plain) => void): Promise<Effect> {
    const { Tty } = (json as { Config: { Tty: boolean } }).Config; // inspect's answer
    const stream = await openStream(this.#socket, "POST", `/v1.51/containers/${id}/attach?stream=1&stdout=1&stderr=1`);
    try {
      const started = await this.#call("POST", `/containers/${id}/start`);
      if (started.status !== 204) return { status: started.status, message: withoutChance(messageOf(started), known) };
      const text = await everythingOf(stream, Tty);
      if (!LAST_LINE.test(text))
        return { status: 204, output: withoutChance(text.replaceAll(EFFECT_SCRIPT, "<script>"), known).slice(0, 500) };
      const { json: running } = await this.#call("GET", `/containers/${id}/json`);
      const plain = { lines: new Set(linesOf(text, known)), inspect: inspected(running, known) };
      seen(plain);
      return {
        status: 204,
        told: compared(this.#plain.lines, plain.lines, known),
        inspect: difference(this.#plain.inspect, plain.inspect),
      };
    } finally {
      stream.close();
    }
  }

  /** Events of the container, and those of networks and volumes that name it; its removal is the last. */
  async #events(id: string, since: string, known: Known): Promise<Record<string, number>> {
    return await eventually("the event of the removal", async () => {
      const until = (Date.now() / 1000 + 0.01).toFixed(3);
      const { text } = await this.#call("GET", `/events?since=${since}&until=${until}`);
      const events = text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Event) // one object a line
        .filter(({ Actor }) => Actor.ID === id || Actor.Attributes["container"] === id)
        // Whether the end of a stream counts as one depends on who ends it first.
        .filter(({ Action }) => Action !== "detach")
        .map((event) => withoutChance(eventText(event), known));
      if (!events.includes("container destroy")) return undefined;
      return Object.fromEntries([...Map.groupBy(events, (event) => event)].map(([event, all]) => [event, all.length]));
    });
  }

  #call(method: string, path: string, body?: unknown): Promise<Answer> {
    return apiCall(this.#socket, method, `/v1.51${path}`, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#creations[Symbol.asyncDispose]();
  }
}

interface Event {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
}

const TOLD_OF_EVENTS = ["exitCode", "signal", "driver", "type", "destination", "propagation", "read/write"];

function eventText({ Type, Action, Actor }: Event): string {
  const told = TOLD_OF_EVENTS.filter((name) => Actor.Attributes[name] !== undefined).map(
    (name) => ` ${name}=${Actor.Attributes[name] ?? ""}`,
  );
  return `${Type} ${Action}${told.join("")}`;
}

/** What a container tells, until it has told everything or its command has ended. */
async function everythingOf(stream: Streamed, tty: boolean): Promise<string> {
  let ended = false;
  void stream.ended.then(() => (ended = true));
  const text = () => (tty ? stream.bytes.toString() : stream.text);
  await eventually("the container's last line", () => ended || LAST_LINE.test(text()));
  return text();
}

/** Of inspect, what a start adds. */
function inspected(json: unknown, known: Known): Record<string, unknown> {
  const text = withoutChance(JSON.stringify(json), known).replaceAll(/"HostPort":"[1-9]\d{4}"/g, '"HostPort":"<port>"');
  const members = Object.entries(flatten(JSON.parse(text), known.names)).filter(
    ([path]) => /^(State|NetworkSettings)\./.test(path) && !/\.(Pid|StartedAt|SandboxKey|SandboxID)$/.test(path),
  );
  return Object.fromEntries(members);
}

function compared(
  usual: ReadonlySet<string>,
  lines: ReadonlySet<string>,
  known: Known,
): Record<string, "more" | "less"> {
  const all = [
    ...[...lines.difference(usual)].map((line) => [line, "more"] as const),
    ...[...usual.difference(lines)].map((line) => [line, "less"] as const),
  ];
  return Object.fromEntries(all.filter(([line]) => !isOfHost(line, known.asked)));
}
