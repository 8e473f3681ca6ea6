import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { run } from "../../support/process.ts";

/**
 * `run` and `exec` ask for everything with one request where the engine can, and with several where it cannot, as Docker's.
 * Such an engine is this one behind a proxy that takes the wish away.
 */

let engine: TestEngine;
let proxy: Server;
/** Wishes that the proxy took away. */
let taken = 0;
const sockets = new Set<Socket>();

function forward(client: Socket): void {
  const upstream = connect({ path: engine.socket, allowHalfOpen: true });
  for (const socket of [client, upstream]) {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  }
  client.on("data", (bytes) => {
    // The client writes each head at once
    const text = bytes.toString("latin1");
    const without = text.replace(/^Prefer: .*\r\n/m, "");
    if (without !== text) taken++;
    upstream.write(Buffer.from(without, "latin1"));
  });
  client.on("end", () => upstream.end());
  upstream.pipe(client);
}

beforeAll(async () => {
  engine = await startEngine();
  proxy = createServer({ allowHalfOpen: true }, forward);
  await new Promise<void>((resolve) => proxy.listen(join(engine.folder, "proxy.sock"), resolve));
  await engine.berth(["run", "-d", "--name", "host", "busybox:local", "sleep", "1000"]);
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  proxy.close();
  await engine[Symbol.asyncDispose]();
});

/** A line at the engine itself, and at one that cannot do it in one go. */
async function both(words: readonly string[], input?: string) {
  const at = async (host: string) => {
    const env = { ...engine.clientEnv(), DOCKER_HOST: host, BERTH_HOST: "" };
    const { code, stdout, stderr } = await run(BERTH, words, { env, ...(input === undefined ? {} : { input }) });
    return { code, stdout: stdout.replace(/^[0-9a-f]{64}$/m, "ID"), stderr };
  };
  const one = await at(`unix://${engine.socket}`);
  const before = taken;
  const several = await at(`unix://${join(engine.folder, "proxy.sock")}`);
  return { one, several, taken: taken - before };
}

const words = (line: string) => line.split(" ");

test.each([
  ["run --rm busybox:local echo hello", 0],
  ["run --rm busybox:local nosuch", 127],
  ["run --rm busybox:local /etc", 126],
  ["run --rm -t busybox:local tty", 0],
  ["run --rm -a stderr busybox:local ls /nosuch", 1],
  ["run --rm -d busybox:local true", 0],
  ["run --rm -d busybox:local nosuch", 127],
  ["run --rm --network nosuch busybox:local true", 125],
  ["run --rm nosuch:local true", 125],
  ['run --rm --detach-keys ctrl-@," busybox:local true', 0],
  ["run --rm --detach-keys nonsense busybox:local true", 125],
  ["exec host echo hello", 0],
  ["exec -t host tty", 0],
  ["exec host ls /nosuch", 1],
  ["exec host nosuch", 127],
  ["exec -d host true", 0],
  ["exec -d host nosuch", 1],
  ["exec nosuch true", 1],
  ["debug host nosuch", 127],
])("%s", async (line, code) => {
  const { one, several, taken: wishes } = await both(words(line));
  expect(one).toEqual(several);
  expect({ code: one.code, wishes }).toEqual({ code, wishes: 1 });
});

test.each(["run --rm -i busybox:local cat", "exec -i host cat"])("%s has its input", async (line) => {
  const input = "x".repeat(200_000);
  const { one, several } = await both(words(line), input);
  expect(one).toEqual(several);
  expect(one).toEqual({ code: 0, stdout: input, stderr: "" });
});

test("an id file is written before the start, which is then a request of its own", async () => {
  const file = join(engine.folder, "cid");
  const { code, stdout } = await engine.berth(["run", "--rm", "--cidfile", file, "busybox:local", "echo", "hello"]);
  expect([code, stdout]).toEqual([0, "hello\n"]);
  expect(await readFile(file, "utf8")).toMatch(/^[0-9a-f]{64}$/);
});
