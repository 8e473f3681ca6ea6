import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { moreOpenFiles, openFiles } from "../../support/descriptors.ts";
import { NO_SPARES, startEngine, type TestEngine } from "../../support/engine.ts";
import { shimOf } from "../../support/host.ts";
import { anonymousBytes } from "../../support/memory.ts";
import { eventually } from "../../support/wait.ts";

/** How many are there at a time. */
const AT_A_TIME = 20;
/** How long one that never reads or never ends is there. */
const STAY_MS = 30;

const KINDS = ["attach", "logs", "exec"] as const;
/** How a client leaves; `unread` resets the connection, since what it was sent is still in the socket. */
const MANNERS = ["half a head", "at once", "first byte", "half open", "unread"] as const;

type Kind = (typeof KINDS)[number];
type Manner = (typeof MANNERS)[number];

export interface RudeResult {
  /** Descriptors that stayed open, a line each: of the daemon, and of the container's shim. */
  left: string[];
  daemon: { before: number; after: number };
  shim: { before: number; after: number };
}

/**
 * So many clients of attach, logs and exec connect to a private engine and vanish at every point. Memory is measured after a
 * hundred of them have been there already, and after all.
 * @param rest seconds that pass before the last measure: an engine with nothing to do gives memory back in some minutes.
 */
export async function rudeClients(count: number, rest = 0): Promise<RudeResult> {
  await using engine = await startEngine({ flags: NO_SPARES, checked: false });
  // It has more to tell than sockets hold, and goes on when it is spoken to.
  const script = "seq 1 20000; while read -r line; do echo $line; done; exec sleep 1000";
  const { stdout } = await engine.berth(["run", "-d", "-i", "--network=none", "busybox:local", "sh", "-c", script]);
  const id = stdout.trim();
  const shim = shimOf(engine, id);
  await visit(engine, id, 100);
  await calm(engine, id);
  const files = [openFiles(engine.pid), openFiles(shim)] as const;
  const before = [anonymousBytes(engine.pid), anonymousBytes(shim)] as const;
  await visit(engine, id, count);
  await calm(engine, id);
  const more = () => [
    ...moreOpenFiles(files[0], openFiles(engine.pid)).map((line) => `daemon: ${line}`),
    ...moreOpenFiles(files[1], openFiles(shim)).map((line) => `shim: ${line}`),
  ];
  await eventually("the descriptors of before", () => more().length === 0).catch(() => undefined); // told by the result
  await delay(rest * 1000);
  return {
    left: more(),
    daemon: { before: before[0], after: anonymousBytes(engine.pid) },
    shim: { before: before[1], after: anonymousBytes(shim) },
  };
}

async function visit(engine: TestEngine, id: string, count: number): Promise<void> {
  for (let done = 0; done < count; done += AT_A_TIME) {
    const visitors = Array.from({ length: Math.min(AT_A_TIME, count - done) }, (_, index) => done + index);
    await Promise.all(visitors.map((number) => visitor(engine, id, number)));
  }
}

async function visitor(engine: TestEngine, id: string, number: number): Promise<void> {
  const kind = KINDS[number % KINDS.length] ?? "attach";
  const manner = MANNERS[Math.floor(number / KINDS.length) % MANNERS.length] ?? "at once";
  await leave(engine.socket, await requestOf(engine, id, kind), manner);
}

/** The processes of execs read to the end of their input, and are gone. */
async function calm(engine: TestEngine, id: string): Promise<void> {
  await eventually("the end of the execs", async () => {
    const { json } = await engine.api("GET", `/containers/${id}/top`);
    return (json as { Processes: string[][] }).Processes.every((row) => row.at(-1) !== "cat"); // the API's shape
  });
}

async function requestOf(engine: TestEngine, id: string, kind: Kind): Promise<string> {
  const upgrade = "Host: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n";
  switch (kind) {
    case "attach":
      return `POST /containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1&logs=1 HTTP/1.1\r\n${upgrade}\r\n`;
    case "logs":
      return `GET /containers/${id}/logs?follow=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\n\r\n`;
    case "exec": {
      const options = { Cmd: ["cat"], AttachStdin: true, AttachStdout: true };
      const { Id } = (await engine.api("POST", `/containers/${id}/exec`, options)).json as { Id: string }; // its shape
      const body = '{"Detach":false,"Tty":false}';
      const fields = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
      return `POST /exec/${Id}/start HTTP/1.1\r\n${upgrade}${fields}\r\n${body}hello\n`;
    }
  }
}

async function leave(path: string, request: string, manner: Manner): Promise<void> {
  const socket = connect({ path, allowHalfOpen: true });
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => undefined); // it is we who leave
  await new Promise<void>((resolve) => {
    socket.on("connect", resolve);
    socket.on("close", resolve);
  });
  await beRude(socket, request, manner);
  socket.destroy();
  await closed;
}

async function beRude(socket: Socket, request: string, manner: Manner): Promise<void> {
  const said = () =>
    new Promise<void>((resolve) => {
      socket.once("data", () => resolve());
      socket.once("close", () => resolve());
    });
  switch (manner) {
    case "half a head":
      return void socket.write(request.slice(0, request.length / 3));
    case "at once":
      return void socket.write(request);
    case "first byte":
      socket.write(request);
      return await said();
    case "half open":
      socket.end(request);
      await said();
      return await delay(STAY_MS);
    case "unread":
      socket.pause();
      socket.write(request);
      return await delay(STAY_MS);
  }
}
