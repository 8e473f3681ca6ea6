import { readlinkSync } from "node:fs";
import { apiCall } from "../../support/api.ts";
import { unframed } from "../../support/frames.ts";
import { normalise } from "./normalise.ts";
import { PROBE_SCRIPT } from "./script.ts";
import type { World } from "./worlds.ts";

const IMAGE = "busybox:local";
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

/** Makes the container of a world on an engine, and gives what it tells, normalised. The container is removed again. */
export async function runWorld(world: World, socket: string): Promise<string[]> {
  const engine = new Probed(socket);
  const needsPeer = JSON.stringify(world).includes("{peer}");
  const peer = needsPeer
    ? await engine.start({ Cmd: ["sleep", "1000"], HostConfig: { IpcMode: "shareable" } })
    : undefined;
  try {
    return await tell(engine, world, peer);
  } finally {
    if (peer !== undefined) await engine.remove(peer);
  }
}

async function tell(engine: Probed, world: World, peer: string | undefined): Promise<string[]> {
  const host = JSON.parse(JSON.stringify(world.host ?? {}).replaceAll("{peer}", peer ?? "")) as object; // it was an object
  const command = world.exec === undefined ? ["sh", "-c", PROBE_SCRIPT] : ["sleep", "1000"];
  const id = await engine.start({ ...world.config, HostConfig: host, Cmd: command });
  try {
    const text = world.exec === undefined ? await engine.logs(id, world) : await engine.exec(id, world.exec);
    return normalise(text, world, {
      ids: [id, ...(peer === undefined ? [] : [peer])],
      namespaces: await owners(engine, peer),
    });
  } finally {
    await engine.remove(id);
  }
}

/** Whose namespace a link of /proc/PID/ns names: `host` or `peer`. */
async function owners(engine: Probed, peer: string | undefined): Promise<Map<string, string>> {
  const links = (pid: string | number, owner: string) =>
    NAMESPACES.map((kind): [string, string] => [readlinkSync(`/proc/${pid}/ns/${kind}`), owner]);
  const ofPeer = peer === undefined ? [] : links(await engine.pid(peer), "peer");
  return new Map([...ofPeer, ...links("self", "host")]);
}

/** The few calls of an engine that a probe needs. */
class Probed {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async #call(method: string, path: string, body?: unknown) {
    const answer = await apiCall(this.#socket, method, `/v1.51${path}`, body);
    if (answer.status >= 400) throw new Error(`${method} ${path} gave ${answer.status}: ${answer.text}`);
    return answer;
  }

  async start(body: object): Promise<string> {
    const created = await this.#call("POST", "/containers/create", { Image: IMAGE, ...body });
    const { Id } = created.json as { Id: string }; // the shape of create's answer
    try {
      await this.#call("POST", `/containers/${Id}/start`);
    } catch (error) {
      await this.remove(Id);
      throw error;
    }
    return Id;
  }

  async logs(id: string, world: World): Promise<string> {
    await this.#call("POST", `/containers/${id}/wait`);
    const { bytes } = await this.#call("GET", `/containers/${id}/logs?stdout=1&stderr=1`);
    return world.config?.["Tty"] === true ? bytes.toString() : unframed(bytes);
  }

  async exec(id: string, options: Record<string, unknown>): Promise<string> {
    const request = { AttachStdout: true, AttachStderr: true, ...options, Cmd: ["sh", "-c", PROBE_SCRIPT] };
    const made = await this.#call("POST", `/containers/${id}/exec`, request);
    const exec = made.json as { Id: string }; // the shape of exec create's answer
    const Tty = options["Tty"] === true;
    const { bytes } = await this.#call("POST", `/exec/${exec.Id}/start`, {
      Detach: false,
      Tty,
      ConsoleSize: options["ConsoleSize"],
    });
    return Tty ? bytes.toString() : unframed(bytes);
  }

  async pid(id: string): Promise<number> {
    const { json } = await this.#call("GET", `/containers/${id}/json`);
    return (json as { State: { Pid: number } }).State.Pid; // inspect's shape
  }

  async remove(id: string): Promise<void> {
    await this.#call("DELETE", `/containers/${id}?force=1&v=1`);
  }
}
