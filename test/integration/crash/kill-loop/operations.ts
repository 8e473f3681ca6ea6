import { get } from "node:http";
import { unframed } from "../../../support/frames.ts";
import { tar } from "../../../support/tar.ts";
import { eventually } from "../../../support/wait.ts";
import { carryOut, inspect, isUp, lasts, stays, type Known, type World } from "./container.ts";
import { askUdp, UDP_HOSTS } from "./udp-server.ts";

/** What may be done with a container, and with which. */
interface Operation {
  fits: (container: Known) => boolean;
  run: (world: World) => Promise<void>;
}

const MIB = 1024 * 1024;

export const operations = {
  stop: { fits: isUp, run: stop },
  restart: { fits: (container) => lasts(container) && !container.paused, run: restart },
  pause: { fits: isUp, run: pause },
  unpause: { fits: ({ paused }) => paused, run: unpause },
  exec: { fits: isUp, run: exec },
  "detached exec": { fits: isUp, run: detachedExec },
  rename: { fits: stays, run: rename },
  update: { fits: stays, run: update },
  "copy in": { fits: stays, run: copyIn },
  "copy out": { fits: ({ files }) => files.size > 0, run: copyOut },
  commit: { fits: stays, run: commit },
  connect: { fits: (container) => isUp(container) && container.networks.size > 0, run: connect },
  disconnect: { fits: (container) => isUp(container) && container.networks.size > 1, run: disconnect },
  visit: { fits: (container) => container.kind === "server" && isUp(container), run: visit },
  datagram: { fits: (container) => container.kind === "server" && isUp(container), run: datagram },
  wait: { fits: ({ kind }) => kind === "worker" || kind === "again", run: wait },
  look: { fits: stays, run: look },
} as const satisfies Record<string, Operation>;

async function stop(world: World): Promise<void> {
  const { session, random, container } = world;
  const how = random.pick(["stop?t=0", "kill"]) ?? "kill";
  // An earlier kill may have been carried out; then there is nothing to kill.
  const answer = await carryOut(world, ["POST", `/${how}`], [204, 304], how === "kill" ? [409] : []);
  container.running = false;
  if (answer === undefined) return;
  const state = (await inspect(world))?.State;
  if (session.isBereaved(container.id) || state === undefined) return;
  if (state.Running || state.ExitCode !== 137) {
    session.violated(`${container.name} was killed and is ${state.Status} with code ${state.ExitCode}`);
  }
}

async function restart(world: World): Promise<void> {
  await carryOut(world, ["POST", "/restart?t=0"], [204]);
  world.container.running = true;
}

async function pause(world: World): Promise<void> {
  if ((await carryOut(world, ["POST", "/pause"], [204], [409])) === undefined) return;
  world.container.paused = true;
}

async function unpause(world: World): Promise<void> {
  await carryOut(world, ["POST", "/unpause"], [204], [409, 500]);
  world.container.paused = false;
}

/** The id; undefined when it was cut short. */
async function makeExec({ session, container }: World, body: unknown): Promise<string | undefined> {
  const made = await session.call("POST", `/containers/${container.id}/exec`, body);
  if (made === undefined || session.isBereaved(container.id)) return undefined;
  if (made.status === 201) return (made.json as { Id: string }).Id; // the API's shape
  session.violated(`exec in ${container.name}: ${made.status} ${made.text}`);
  return undefined;
}

async function exec(world: World): Promise<void> {
  const { session, random, container } = world;
  const { epoch } = session;
  const code = random.between(0, 20);
  const id = await makeExec(world, { Cmd: ["sh", "-c", `echo hello; exit ${code}`], AttachStdout: true });
  if (id === undefined) return;
  const output = await session.call("POST", `/exec/${id}/start`, {});
  const state = await session.call("GET", `/exec/${id}/json`);
  // Its record ends with the daemon.
  if (output === undefined || state === undefined || !(await session.isStill(epoch))) return;
  if (session.isBereaved(container.id)) return;
  const { ExitCode } = state.json as { ExitCode: number }; // the API's shape
  const text = unframed(output.bytes);
  if (text !== "hello\n" || ExitCode !== code) {
    session.violated(`exec in ${container.name}: code ${ExitCode}, wanted ${code}, output ${JSON.stringify(text)}`);
  }
}

/** It goes on without the daemon that began it: what it writes is there in the end. */
async function detachedExec(world: World): Promise<void> {
  const { session, container } = world;
  const { epoch } = session;
  const path = `/${world.fresh("exec")}`;
  const id = await makeExec(world, {
    Cmd: ["sh", "-c", `sleep 0.1; printf done >${path}.new; mv ${path}.new ${path}`],
  });
  if (id === undefined) return;
  const started = await session.call("POST", `/exec/${id}/start`, { Detach: true });
  if (started === undefined || session.isBereaved(container.id)) return;
  // One that was not started yet ends with its daemon.
  if (started.status === 404 && !(await session.isStill(epoch))) return;
  if (started.status !== 200) return session.violated(`exec in ${container.name}: ${started.status} ${started.text}`);
  await eventually(`what an exec of ${container.name} writes`, async () => {
    const { answer } = await session.insist("GET", `/containers/${container.id}/archive?path=${path}`);
    return session.isBereaved(container.id) || (answer.status === 200 && fileOf(answer.bytes) === "done");
  }).catch((error: unknown) => session.violated(String(error)));
}

async function rename(world: World): Promise<void> {
  const { session, container } = world;
  const name = world.fresh("c");
  await carryOut(world, ["POST", `/rename?name=${name}`], [204], [400, 409]);
  container.name = name;
  const answer = await session.expect("GET", `/containers/${name}/json`, [200]);
  const id = (answer.json as { Id?: string }).Id; // the API's shape
  if (id !== container.id) session.violated(`${name} is ${id} instead of ${container.id}`);
}

async function update(world: World): Promise<void> {
  const memory = world.random.between(64, 128) * MIB;
  const answer = await carryOut(world, ["POST", "/update", { Memory: memory, MemorySwap: -1 }], [200]);
  if (answer !== undefined) world.container.memory = memory;
}

async function copyIn(world: World): Promise<void> {
  const { container, random } = world;
  const name = world.fresh("file");
  const folder = container.volume !== undefined && random.next() < 0.5 ? "/data" : "/";
  const content = `${name} `.repeat(random.between(1, 2000));
  const answer = await carryOut(world, ["PUT", `/archive?path=${folder}`, tar([{ name, data: content }])], [200]);
  if (answer !== undefined) container.files.set(folder === "/" ? `/${name}` : `${folder}/${name}`, content);
}

/** The content of the only file of an archive, behind what headers of pax there are. */
function fileOf(archive: Buffer): string | undefined {
  for (let at = 0; at + 512 <= archive.length;) {
    const size = Number.parseInt(archive.toString("latin1", at + 124, at + 135), 8);
    if (archive[at + 156] === 0x30) return archive.toString("utf8", at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return undefined;
}

async function copyOut(world: World): Promise<void> {
  const { session, random, container } = world;
  const [path, content] = random.pick([...container.files]) ?? ["", ""];
  const answer = await carryOut(world, ["GET", `/archive?path=${path}`], [200]);
  if (answer?.status === 200 && fileOf(answer.bytes) !== content)
    session.violated(`${path} of ${container.name} is wrong`);
}

async function commit(world: World): Promise<void> {
  const { session, container } = world;
  const name = world.fresh("image");
  const { answer } = await session.insist("POST", `/commit?container=${container.id}&repo=${name}&tag=t`);
  if (answer.status === 201) return world.tagged(name);
  if (!session.isBereaved(container.id)) session.violated(`commit ${name}: ${answer.status} ${answer.text}`);
  // Of a try that was cut short.
  await session.insist("DELETE", `/images/${name}:t`);
}

async function connect(world: World): Promise<void> {
  const { session, random, container } = world;
  const network = random.pick(world.networks.filter((name) => !container.networks.has(name)));
  if (network === undefined) return;
  world.use(network);
  const { answer, cut } = await session.insist("POST", `/networks/${network}/connect`, { Container: container.id });
  container.networks.add(network);
  if (answer.status !== 200 && !(cut && answer.status === 403) && !session.isBereaved(container.id)) {
    session.violated(`connect ${container.name} to ${network}: ${answer.status} ${answer.text}`);
  }
}

async function disconnect(world: World): Promise<void> {
  const { session, random, container } = world;
  const network = random.pick([...container.networks]);
  if (network === undefined) return;
  const body = { Container: container.id };
  const { answer, cut } = await session.insist("POST", `/networks/${network}/disconnect`, body);
  container.networks.delete(network);
  if (answer.status !== 200 && !(cut && answer.status === 404) && !session.isBereaved(container.id)) {
    session.violated(`disconnect ${container.name} from ${network}: ${answer.status} ${answer.text}`);
  }
}

/** Its port leads to it and to nobody else, whatever has had the address or the port before. */
async function visit(world: World): Promise<void> {
  await answers(world, "80/tcp", "127.0.0.1", page);
}

async function datagram(world: World): Promise<void> {
  const host = world.random.pick(UDP_HOSTS) ?? "";
  await answers(world, "90/udp", host, (port) => askUdp(host, port));
}

async function answers(
  world: World,
  published: string,
  host: string,
  ask: (port: number) => Promise<string | undefined>,
): Promise<void> {
  const { session, container } = world;
  await eventually(`an answer of ${container.name} at ${published} of ${host}`, async () => {
    const { NetworkSettings } = (await inspect(world)) ?? {};
    if (session.isBereaved(container.id)) return true;
    const port = NetworkSettings?.Ports[published]?.find(({ HostIp }) => HostIp === host)?.HostPort;
    const text = port === undefined ? undefined : await ask(Number(port));
    if (text !== undefined && text !== container.id.slice(0, 12))
      session.violated(`${container.name} answers with ${text}`);
    return text !== undefined;
  }).catch((error: unknown) => session.violated(String(error)));
}

function page(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = get({ port, host: "127.0.0.1", agent: false }, (response) => {
      let text = "";
      response.on("data", (data: Buffer) => (text += data.toString()));
      response.on("end", () => resolve(response.statusCode === 200 ? text : undefined));
      response.on("error", () => resolve(undefined));
    });
    call.on("error", () => resolve(undefined));
  });
}

async function wait(world: World): Promise<void> {
  const { session, container } = world;
  const answer = await carryOut(world, ["POST", "/wait"], [200]);
  const code = (answer?.json as { StatusCode?: number } | undefined)?.StatusCode; // the API's shape
  if (answer !== undefined && code !== container.code && !session.isBereaved(container.id)) {
    session.violated(`wait for ${container.name} gave ${code} instead of ${container.code}`);
  }
}

/** Questions that change nothing. */
async function look({ session, random, container }: World): Promise<void> {
  const own = `/containers/${container.id}`;
  const path = random.pick([
    `${own}/changes`,
    `${own}/stats?stream=0&one-shot=1`,
    `${own}/export`,
    `${own}/logs?stdout=1&tail=5`,
    ...(isUp(container) ? [`${own}/top`] : []),
    "/containers/json?all=1&size=1",
    `/containers/${container.name}/json`,
    "/system/df",
    "/info",
    "/images/json",
    `/events?since=0&until=${Math.ceil(Date.now() / 1000)}`,
  ]);
  const { answer } = await session.insist("GET", path ?? "/info");
  if (answer.status === 200 || session.isBereaved(container.id)) return;
  session.violated(`GET ${path}: ${answer.status} ${answer.text}`);
}
