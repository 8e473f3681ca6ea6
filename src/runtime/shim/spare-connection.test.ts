import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./fixture.ts";
import { SpareConnection } from "./spare-connection.ts";

let directory: string;
let path: string;
let server: Server;
let clients: Socket[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "berth-spare-"));
  path = join(directory, "shim.sock");
  clients = [];
  server = createServer((socket) => {
    socket.resume();
    clients.push(socket);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(path, resolve);
  await promise;
});

afterEach(() => {
  for (const client of clients) client.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const isClosed = (index: number) => until("the connection's end", () => clients[index]?.closed === true);

test("one waits for whoever takes it, once", async () => {
  const spare = new SpareConnection(path);
  expect(spare.take()).toBeUndefined();
  spare.provide();
  spare.provide();
  const taken = await eventually(spare);
  expect(spare.take()).toBeUndefined();
  expect(clients).toHaveLength(1);
  spare.close();
  expect(clients[0]?.closed).toBe(false);
  taken.close();
  await isClosed(0);
});

test("one that breaks is not given out", async () => {
  const spare = new SpareConnection(path);
  spare.provide();
  const first = await eventually(spare);
  first.close();
  spare.provide();
  await until("a second connection", () => clients.length === 2);
  clients[1]?.destroy();
  await until("a third one in its place", () => {
    spare.provide();
    return clients.length === 3;
  });
  spare.close();
  await isClosed(2);
});

test("when nobody needs it any more, what waits or is being made ends", async () => {
  const waiting = new SpareConnection(path);
  waiting.provide();
  await until("the connection", () => clients.length === 1);
  waiting.close();
  await isClosed(0);
  const opening = new SpareConnection(path);
  opening.provide();
  opening.close();
  await until("the connection", () => clients.length === 2);
  await isClosed(1);
  opening.provide();
  expect(opening.take()).toBeUndefined();
});

test("that nobody listens is no failure", async () => {
  const spare = new SpareConnection(join(directory, "none.sock"));
  spare.provide();
  const other = new SpareConnection(path);
  other.provide();
  (await eventually(other)).close();
  expect(spare.take()).toBeUndefined();
});

async function eventually(spare: SpareConnection) {
  let taken = spare.take();
  await until("a connection", () => (taken ??= spare.take()) !== undefined);
  if (taken === undefined) throw new Error("no connection");
  return taken;
}
