import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failureOf, missing, World } from "./fixture.ts";

const reason = missing();
if (reason !== undefined) console.warn(`skipped: the shim's log (${reason})`);

const TIMEOUT = 60_000;

interface Entry {
  log: string;
  stream: string;
  time: string;
  attrs?: Record<string, string>;
}

const entries = (text: string): Entry[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    // One JSON object a line, by the format that is under test.
    .map((line) => JSON.parse(line) as Entry);

describe.skipIf(reason !== undefined)("the shim's log file", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make();
  }, TIMEOUT);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, TIMEOUT);

  /** Runs a shell script with `content` as /content; gives the path of its log. */
  async function logOf(
    script: string,
    options: { content?: Uint8Array | string; maxSize?: number; maxFiles?: number; tty?: boolean; path?: string } = {},
  ): Promise<string> {
    const path = options.path ?? join(mkdtempSync(join(world.directory, "log-")), "x-json.log");
    writeFileSync(join(world.rootfs, "content"), options.content ?? "");
    const shim = await world.shim();
    const log = { path, maxSize: options.maxSize ?? 0, maxFiles: options.maxFiles ?? 1 };
    await world.create(shim, { argv: ["sh", "-c", script], tty: options.tty ?? false }, log);
    await shim.start();
    expect((await shim.waitExit()).code).toBe(0);
    return path;
  }

  test(
    "has one JSON object a line",
    async () => {
      const path = await logOf("echo one; echo; echo two >&2; printf end");
      const text = readFileSync(path, "utf8");
      expect(text.split("\n")[0]).toMatch(
        /^\{"log":"one\\n","stream":"stdout","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"\}$/,
      );
      const lines = entries(text);
      expect(lines.filter(({ stream }) => stream === "stdout").map(({ log }) => log)).toEqual(["one\n", "\n", "end"]);
      expect(lines.filter(({ stream }) => stream === "stderr").map(({ log }) => log)).toEqual(["two\n"]);
      expect(statSync(path).mode & 0o777).toBe(0o640);
    },
    TIMEOUT,
  );

  test.each<[string, number[], string]>([
    ["quotes and backslashes", [0x22, 0x5c], '\\"\\\\'],
    ["what HTML takes amiss", [0x3c, 0x3e, 0x26], "\\u003c\\u003e\\u0026"],
    ["control characters", [0x00, 0x09, 0x0d, 0x1b, 0x7f], "\\u0000\\u0009\\r\\u001b\x7f"],
    ["valid UTF-8", [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80], "é€😀"],
    ["line separators", [0xe2, 0x80, 0xa8, 0xe2, 0x80, 0xa9], "\\u2028\\u2029"],
    ["invalid bytes", [0xff, 0x41, 0xc3, 0x41], "\\ufffdA\\ufffdA"],
    [
      "overlong forms, surrogates, too large",
      [0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80],
      "\\ufffd".repeat(9),
    ],
    ["a sequence cut short", [0xe2, 0x82], "\\ufffd\\ufffd"],
  ])(
    "escapes %s as Docker does",
    async (_what, bytes, escaped) => {
      const path = await logOf("cat /content", { content: new Uint8Array([...bytes, 0x0a]) });
      expect(readFileSync(path, "utf8")).toStartWith(`{"log":"${escaped}\\n","stream":"stdout"`);
    },
    TIMEOUT,
  );

  test(
    "cuts lines of more than 16 KiB into parts with one time",
    async () => {
      const content = `${"a".repeat(40_000)}\n${"b".repeat(16_384)}\n${"c".repeat(16_383)}\n`;
      const lines = entries(readFileSync(await logOf("cat /content", { content }), "utf8"));
      expect(lines.map(({ log }) => [log[0], log.length, log.endsWith("\n")])).toEqual([
        ["a", 16_384, false],
        ["a", 16_384, false],
        ["a", 40_000 - 2 * 16_384 + 1, true],
        ["b", 16_384, false],
        ["\n", 1, true],
        ["c", 16_384, true],
      ]);
      expect(new Set(lines.slice(0, 3).map(({ time }) => time)).size).toBe(1);
    },
    TIMEOUT,
  );

  test(
    "keeps a character whole that comes in two pieces",
    async () => {
      const path = await logOf("printf '\\342\\202'; cat /content; echo");
      expect(entries(readFileSync(path, "utf8"))[0]?.log).toBe("\ufffd\ufffd\n");
      const whole = await logOf("printf 'a\\342\\202'; cat /content", { content: new Uint8Array([0xac, 0x0a]) });
      expect(entries(readFileSync(whole, "utf8"))[0]?.log).toBe("a€\n");
    },
    TIMEOUT,
  );

  test(
    "rotates by size and keeps so many files",
    async () => {
      const content = Array.from({ length: 2000 }, (_, i) => `line ${String(i).padStart(4, "0")}\n`).join("");
      const path = await logOf("cat /content", { content, maxSize: 32 * 1024, maxFiles: 3 });
      expect(existsSync(`${path}.3`)).toBe(false);
      const files = [`${path}.2`, `${path}.1`, path].map((file) => readFileSync(file, "utf8"));
      const numbers = files.flatMap(entries).map(({ log }) => Number(log.slice(5)));
      // The last ones, in order and without a gap.
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 2000 - numbers.length + i));
      expect(numbers.length).toBeGreaterThan(500);
      for (const text of files.slice(0, 2)) {
        expect(text.length).toBeGreaterThanOrEqual(32 * 1024);
        expect(text.length).toBeLessThan(33 * 1024);
      }
    },
    TIMEOUT,
  );

  test(
    "with one file starts that one anew",
    async () => {
      const content = "0123456789abcdef\n".repeat(2000);
      const path = await logOf("cat /content", { content, maxSize: 32 * 1024, maxFiles: 1 });
      expect(existsSync(`${path}.1`)).toBe(false);
      expect(statSync(path).size).toBeLessThan(33 * 1024);
    },
    TIMEOUT,
  );

  test(
    "goes on where it stopped",
    async () => {
      const path = await logOf("echo one");
      await logOf("echo two", { path });
      expect(entries(readFileSync(path, "utf8")).map(({ log }) => log)).toEqual(["one\n", "two\n"]);
    },
    TIMEOUT,
  );

  test(
    "a terminal's output is stdout",
    async () => {
      const path = await logOf("echo out; echo err >&2", { tty: true });
      expect(entries(readFileSync(path, "utf8")).map(({ log, stream }) => [log, stream])).toEqual([
        ["out\r\n", "stdout"],
        ["err\r\n", "stdout"],
      ]);
    },
    TIMEOUT,
  );

  test(
    "a full disk drops entries and counts them; the container goes on",
    async () => {
      const shim = await world.shim();
      await world.create(
        shim,
        { argv: ["sh", "-c", "echo one; echo two"] },
        { path: "/dev/full", maxSize: 0, maxFiles: 1 },
      );
      await shim.start();
      expect((await shim.waitExit()).code).toBe(0);
      expect((await shim.state()).logDropped).toBe(2n);
    },
    TIMEOUT,
  );

  test(
    "carries the attributes that it was given",
    async () => {
      const path = join(mkdtempSync(join(world.directory, "log-")), "x-json.log");
      const shim = await world.shim();
      await world.create(shim, { argv: ["echo", "hi"] }, { path, maxSize: 0, maxFiles: 1, attributes: { a: 'b"' } });
      await shim.start();
      await shim.waitExit();
      expect(entries(readFileSync(path, "utf8"))[0]).toMatchObject({ log: "hi\n", attrs: { a: 'b"' } });
    },
    TIMEOUT,
  );

  test(
    "that cannot be opened refuses the container",
    async () => {
      const shim = await world.shim();
      const log = { path: join(world.directory, "no/such/log"), maxSize: 0, maxFiles: 1 };
      expect(await failureOf(world.create(shim, { argv: ["true"] }, log))).toMatchObject({ errno: "ENOENT" });
    },
    TIMEOUT,
  );
});
