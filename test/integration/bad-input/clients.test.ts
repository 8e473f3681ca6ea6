import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { moreOpenFiles, openFiles } from "../../support/descriptors.ts";
import { NO_SPARES, startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { busyboxArchive } from "../../support/images.ts";
import { settledInventory } from "../../support/recordings.ts";
import { eventually } from "../../support/wait.ts";

/** CVE-2022-23471, CVE-2022-31030, CVE-2025-64329: clients that leave in the midst of what they asked for. */
const CLIENTS = 300;
/** How many are there at a time. */
const AT_A_TIME = 20;

let engine: TestEngine;
let before: string[];
let id: string;
beforeAll(async () => {
  engine = await startEngine({ flags: NO_SPARES });
  before = await inventory(engine);
  const script = "while :; do echo line; read -r ignored; done";
  const run = await engine.berth(["run", "-d", "-i", "busybox:local", "sh", "-c", script]);
  id = run.stdout.trim();
  // The first of each kind makes what stays: workers, sockets of the shim.
  await leave(wayOf("logs"), "");
  await (
    await engine.berth(["exec", id, "true"])
  ).code;
});
afterAll(async () => {
  await engine.berth(["rm", "-f", id]);
  const after = await settledInventory(engine, before);
  await engine[Symbol.asyncDispose]();
  expect(after).toEqual(before);
});

const request = (method: string, path: string, headers = "", body = "") =>
  `${method} /v1.51${path} HTTP/1.1\r\nHost: d\r\n${headers}\r\n${body}`;
const UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

function wayOf(kind: "attach" | "logs" | "events" | "wait" | "stats"): string {
  switch (kind) {
    case "attach":
      return request("POST", `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1&logs=1`, UPGRADE);
    case "logs":
      return request("GET", `/containers/${id}/logs?follow=1&stdout=1&stderr=1`);
    case "events":
      return request("GET", "/events");
    case "wait":
      return request("POST", `/containers/${id}/wait`);
    case "stats":
    default:
      return request("GET", `/containers/${id}/stats`);
  }
}

/** Sends a request and leaves as soon as an answer begins, or at once when it is one that has to be waited for. */
function leave(sent: string, awaited: string, then: (socket: Socket) => void = () => undefined): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(engine.socket);
    socket.on("error", () => undefined); // it is we who leave
    socket.on("close", () => resolve());
    socket.on("connect", () => {
      socket.write(sent);
      then(socket);
      if (awaited === "") socket.end(() => socket.destroy());
    });
    socket.on("data", (data: Buffer) => {
      if (data.toString("latin1").includes(awaited)) socket.destroy();
    });
  });
}

async function many(one: (index: number) => Promise<unknown>): Promise<void> {
  for (let done = 0; done < CLIENTS; done += AT_A_TIME) {
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, index) => one(done + index)));
  }
}

/** What is open now is no more than what was; what closes in the background is waited for. */
async function expectClosed(calm: ReadonlyMap<string, number>): Promise<void> {
  let more: string[] = [];
  await eventually("the descriptors of before", () => {
    more = moreOpenFiles(calm, openFiles(engine.pid));
    return more.length === 0;
  }).catch(() => undefined);
  expect(more).toEqual([]);
  expect(await engine.answers()).toBe(true);
}

for (const kind of ["attach", "logs", "events", "wait", "stats"] as const) {
  test(`${CLIENTS} clients leave ${kind}`, async () => {
    const calm = openFiles(engine.pid);
    await many((index) => leave(wayOf(kind), index % 2 === 0 ? "HTTP/1.1" : ""));
    await expectClosed(calm);
  });
}

test(`${CLIENTS} clients leave exec`, async () => {
  const calm = openFiles(engine.pid);
  await many(async () => {
    const made = await engine.api("POST", `/containers/${id}/exec`, {
      Cmd: ["cat"],
      AttachStdin: true,
      AttachStdout: true,
    });
    const { Id } = made.json as { Id: string }; // the shape of exec create's answer
    const body = '{"Detach":false,"Tty":false}';
    const headers = `${UPGRADE}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    await leave(request("POST", `/exec/${Id}/start`, headers, body), "HTTP/1.1");
  });
  await expectClosed(calm);
  // Their processes read to the end of their input, and are gone.
  await eventually("the end of the processes", async () => {
    const { stdout } = await engine.berth(["exec", id, "sh", "-c", "ps -o comm | grep -cx cat"]);
    return stdout === "0\n";
  });
});

test(`${CLIENTS} clients leave load and import`, async () => {
  const calm = openFiles(engine.pid);
  const archive = busyboxArchive("left:1", { Labels: { left: "1" } }).subarray(0, 200_000);
  await many(async (index) => {
    const path = index % 2 === 0 ? "/images/load" : "/images/create?fromSrc=-&repo=left&tag=2";
    const head = request("POST", path, `Content-Type: application/x-tar\r\nContent-Length: ${archive.length * 2}\r\n`);
    await leave(head, "", (socket) => socket.write(archive));
  });
  await expectClosed(calm);
  const { json } = await engine.api("GET", "/images/json");
  const images = json as Array<{ RepoTags: string[] }>; // the list's shape
  expect(images.flatMap((image) => image.RepoTags)).toEqual(["busybox:local"]);
});
