import { apiCall, type Answer } from "../../support/api.ts";
import { unframed } from "../../support/frames.ts";
import { difference, flatten, messageOf, normaliseText, type Names } from "./normalise.ts";
import type { CreateAttempt, CreateOutcome, StartOutcome } from "./types.ts";

const NETWORK = "berth-matrix-net";
const PEER = "berth-matrix-peer";

/** An engine with what the attempts refer to: a network, a container that runs, and one of which nothing was asked. */
export class Creations implements AsyncDisposable {
  readonly #socket: string;
  #count = 0;
  #plain: Record<string, unknown> = {};
  #peerId = "";

  constructor(socket: string) {
    this.#socket = socket;
  }

  async prepare(): Promise<void> {
    await this.#must("POST", "/networks/create", { Name: NETWORK, IPAM: { Config: [{ Subnet: "10.214.19.0/24" }] } });
    const peer = await this.#must("POST", `/containers/create?name=${PEER}`, {
      Image: "busybox:local",
      Cmd: ["sleep", "100000"],
      Volumes: { "/of-peer": {} },
      HostConfig: { Init: true },
    });
    this.#peerId = idOf(peer);
    await this.#must("POST", `/containers/${PEER}/start`);
    const plain = await this.#must("POST", "/containers/create", { Image: "busybox:local", Cmd: ["true"] });
    const { json } = await this.#must("GET", `/containers/${idOf(plain)}/json`);
    this.#plain = flatten(json, { ...this.#names(""), id: idOf(plain) });
    await this.#must("DELETE", `/containers/${idOf(plain)}`);
  }

  get peerId(): string {
    return this.#peerId;
  }

  /** What inspect says of the container of which nothing was asked, by path. */
  get plain(): Record<string, unknown> {
    return this.#plain;
  }

  /** Makes an attempt, looks at what came of it, and removes it. */
  async attempt(attempt: CreateAttempt): Promise<CreateOutcome> {
    this.#count += 1;
    const names = this.#names(`berth-matrix-${process.pid}-${this.#count}`);
    const body = named(attempt.body, names.prefix);
    const answer = await this.#call("POST", `/containers/create?name=${names.prefix}`, body);
    if (answer.status !== 201) return { status: answer.status, message: normaliseText(messageOf(answer), names) };
    const id = idOf(answer);
    const seen = { ...names, id };
    let volumes: string[] = [];
    try {
      const { Warnings } = answer.json as { Warnings: string[] | null }; // create's answer
      const { json } = await this.#must("GET", `/containers/${id}/json`);
      volumes = volumesOf(json);
      const inspect = flatten(json, seen);
      return {
        status: 201,
        ...(Warnings?.length ? { warnings: Warnings } : {}),
        inspect: difference(this.#plain, inspect),
        ...(attempt.start ? { start: await this.#start(id, seen) } : {}),
      };
    } finally {
      await this.#remove(id, volumes);
    }
  }

  async #start(id: string, names: Names): Promise<StartOutcome> {
    const started = await this.#call("POST", `/containers/${id}/start`);
    if (started.status !== 204) {
      return { status: started.status, message: normaliseText(messageOf(started), names) };
    }
    const { json } = await this.#must("POST", `/containers/${id}/wait`);
    const { bytes } = await this.#must("GET", `/containers/${id}/logs?stdout=1&stderr=1`);
    const tty = bytes.length > 0 && bytes[0] !== 1 && bytes[0] !== 2;
    const { StatusCode } = json as { StatusCode: number }; // wait's answer
    return { status: 204, exit: StatusCode, output: normaliseText(tty ? bytes.toString() : unframed(bytes), names) };
  }

  /** With the volumes that it made; those of the peer are in use, and stay. */
  async #remove(id: string, volumes: readonly string[]): Promise<void> {
    await this.#call("DELETE", `/containers/${id}?force=1&v=1`);
    for (const name of volumes) await this.#call("DELETE", `/volumes/${encodeURIComponent(name)}?force=1`);
  }

  #names(prefix: string): Names {
    return { prefix, id: "", peer: this.#peerId };
  }

  #call(method: string, path: string, body?: unknown): Promise<Answer> {
    return apiCall(this.#socket, method, `/v1.51${path}`, body);
  }

  async #must(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.#call(method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path} gave ${answer.status}: ${answer.text}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#call("DELETE", `/containers/${PEER}?force=1&v=1`);
    await this.#call("DELETE", `/networks/${NETWORK}`);
  }
}

/** A body with the names that its placeholders stand for. */
export function named(body: Record<string, unknown>, prefix: string): unknown {
  return JSON.parse(
    JSON.stringify(body).replaceAll("{network}", NETWORK).replaceAll("{peer}", PEER).replaceAll("{prefix}", prefix),
  );
}

/** The volumes that are mounted in what inspect tells. */
export function volumesOf(inspected: unknown): string[] {
  const { Mounts } = inspected as { Mounts: Array<{ Type: string; Name?: string }> }; // inspect's answer
  return Mounts.flatMap(({ Type, Name }) => (Type === "volume" && Name ? [Name] : []));
}

function idOf(answer: Answer): string {
  return (answer.json as { Id: string }).Id; // create's answer
}
