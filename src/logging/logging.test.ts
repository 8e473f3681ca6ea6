import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { splitFrames, type LogsQuery } from "../api/index.ts";
import { messageOf } from "../base/index.ts";
import { LOG_DRIVERS } from "./index.ts";
import { LineScanner } from "./line-scanner.ts";
import { nanosOf } from "./times.ts";
import type { LogDriver } from "./types.ts";

function driver(name: string): LogDriver {
  const found = LOG_DRIVERS.get(name);
  if (found === undefined) throw new Error(`no driver ${name}`);
  return found;
}

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-logging-"));
  path = join(folder, "c-json.log");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

let second = 0;
const line = (text: string, stream = "stdout") =>
  `${JSON.stringify({ log: `${text}\n`, stream, time: `2026-01-01T00:00:${String(second++ % 60).padStart(2, "0")}.5Z` })}\n`;

beforeEach(() => (second = 0));

function read(over: Partial<LogsQuery>, ended: Promise<void> = Promise.resolve(), maxFiles = 3) {
  const query: LogsQuery = {
    follow: false,
    stdout: true,
    stderr: true,
    since: undefined,
    until: undefined,
    timestamps: false,
    details: false,
    tail: "all",
    ...over,
  };
  const signal = new AbortController().signal;
  return driver("json-file").read({ path, maxFiles, tty: false, query, options: {}, details: "a=b", ended, signal });
}

async function text(over: Partial<LogsQuery>): Promise<string> {
  await using log = await read(over);
  let all = "";
  for await (const block of log.output) all += textOf(block);
  return all;
}

const textOf = (block: Uint8Array) => [...splitFrames(block)].map(({ data }) => Buffer.from(data).toString()).join("");

describe("reading", () => {
  test("goes over rotated files from the oldest", async () => {
    writeFileSync(`${path}.2`, line("one"));
    writeFileSync(`${path}.1`, line("two"));
    writeFileSync(path, line("three"));
    expect(await text({})).toBe("one\ntwo\nthree\n");
  });

  for (const [tail, expected] of [
    [0, ""],
    [1, "five\n"],
    [2, "four\nfive\n"],
    [3, "three\nfour\nfive\n"],
    [5, "one\ntwo\nthree\nfour\nfive\n"],
    [9, "one\ntwo\nthree\nfour\nfive\n"],
  ] as const) {
    test(`tail ${tail} over rotated files`, async () => {
      writeFileSync(`${path}.1`, line("one") + line("two"));
      writeFileSync(path, line("three") + line("four") + line("five"));
      expect(await text({ tail })).toBe(expected);
    });
  }

  test("tail works over blocks", async () => {
    const rows = Array.from({ length: 5000 }, (_, index) => line(`row ${index}`));
    writeFileSync(path, rows.join(""));
    const lines = (await text({ tail: 4321 })).trimEnd().split("\n");
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([4321, "row 679", "row 4999"]);
  });

  test("chooses streams, times, and prefixes", async () => {
    writeFileSync(path, line("one") + line("two", "stderr") + line("three"));
    expect(await text({ stderr: false })).toBe("one\nthree\n");
    expect(await text({ stdout: false })).toBe("two\n");
    expect(await text({ since: nanosOf("2026-01-01T00:00:01Z") })).toBe("two\nthree\n");
    expect(await text({ until: nanosOf("2026-01-01T00:00:01.5Z") })).toBe("one\ntwo\n");
    expect(await text({ timestamps: true, tail: 1 })).toBe("2026-01-01T00:00:02.500000000Z three\n");
    expect(await text({ details: true, tail: 1 })).toBe("a=b three\n");
  });

  test("skips damaged lines and a last one that is not whole", async () => {
    writeFileSync(path, `${line("one")}{broken\n${line("two")}{"log":"half`);
    expect(await text({})).toBe("one\ntwo\n");
  });

  test("a log that is not there is empty", async () => {
    expect(await text({})).toBe("");
  });
});

describe("following", () => {
  test("goes through rotations without losing or repeating a line, and ends with the log", async () => {
    writeFileSync(path, line("0"));
    const ended = Promise.withResolvers<void>();
    await using log = await read({ follow: true }, ended.promise);
    const output = log.output[Symbol.asyncIterator]();
    const seen: string[] = [];
    const next = async () => {
      const result = await output.next();
      if (result.done === true) return false;
      seen.push(...textOf(result.value).trim().split("\n"));
      return true;
    };
    await next();
    for (let round = 1; round <= 4; round++) {
      appendFileSync(path, line(`${round} a`));
      if (round > 1) renameSync(`${path}.1`, `${path}.2`);
      renameSync(path, `${path}.1`);
      writeFileSync(path, line(`${round} b`));
      await next();
      await next();
    }
    appendFileSync(path, line("last"));
    ended.resolve();
    while (await next());
    const rounds = [1, 2, 3, 4].flatMap((round) => [`${round} a`, `${round} b`]);
    expect(seen).toEqual(["0", ...rounds, "last"]);
  });

  test("begins before the first line is written", async () => {
    const ended = Promise.withResolvers<void>();
    await using log = await read({ follow: true }, ended.promise);
    const output = log.output[Symbol.asyncIterator]();
    const first = output.next();
    writeFileSync(path, line("hello"));
    expect(textOf((await first).value ?? new Uint8Array())).toBe("hello\n");
    ended.resolve();
    expect((await output.next()).done).toBe(true);
  });

  test("ends when it is disposed", async () => {
    writeFileSync(path, line("one"));
    const log = await read({ follow: true }, new Promise<void>(() => undefined));
    const output = log.output[Symbol.asyncIterator]();
    await output.next();
    const more = output.next();
    await log[Symbol.asyncDispose]();
    expect((await more).done).toBe(true);
  });

  test("leaves nothing behind while the container goes on", async () => {
    writeFileSync(path, line("one"));
    const ended = new Promise<void>(() => undefined);
    const until = 4_000_000_000n * 1_000_000_000n;
    const follow = async (count: number) => {
      for (let number = 0; number < count; number++) {
        const log = await read({ follow: true, until: number % 2 === 0 ? until : undefined }, ended);
        const output = log.output[Symbol.asyncIterator]();
        await output.next();
        const more = output.next();
        await log[Symbol.asyncDispose]();
        await more;
      }
      Bun.gc(true);
      return process.memoryUsage().arrayBuffers;
    };
    const before = await follow(8);
    // Each of them has a quarter of a mebibyte to read into.
    expect((await follow(64)) - before).toBeLessThan(4 * 1024 * 1024);
  });
});

describe("options", () => {
  const rows: Array<[Record<string, string>, string]> = [
    [{ foo: "1" }, "unknown log opt 'foo' for json-file log driver"],
    [{ mode: "foo" }, "logger: logging mode not supported: foo"],
    [{ mode: "non-blocking", "max-buffer-size": "x" }, "error parsing option max-buffer-size: invalid size: 'x'"],
    [{ "max-buffer-size": "1m" }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
  ];
  for (const [options, message] of rows) {
    test(message, () => {
      expect(() => driver("json-file").validate(options)).toThrow(message);
    });
  }

  test("decide over file, size and number", () => {
    expect(driver("json-file").file({ "max-size": "10m", "max-file": "3" }, "/logs", "id")).toEqual({
      path: "/logs/id-json.log",
      maxSize: 10 * 1024 * 1024,
      maxFiles: 3,
      compress: false,
      holds: false,
      shown: true,
    });
    expect(driver("none").file({}, "/logs", "id")).toBeUndefined();
  });

  test("rotate the log of a container that says nothing, and not one that says -1", () => {
    const rotation = (options: Record<string, string>) => driver("json-file").file(options, "/logs", "id");
    expect(rotation({ env: "a" })).toMatchObject({ maxSize: 100 * 1024 * 1024, maxFiles: 5 });
    expect(rotation({ "max-size": "-1" })).toMatchObject({ maxSize: 0, maxFiles: 1 });
  });

  test("none cannot be read", async () => {
    const error: unknown = await driver("none")
      .read({
        path,
        maxFiles: 1,
        tty: false,
        query: {
          follow: false,
          stdout: true,
          stderr: true,
          since: undefined,
          until: undefined,
          timestamps: false,
          details: false,
          tail: "all",
        },
        options: {},
        details: "",
        ended: Promise.resolve(),
        signal: new AbortController().signal,
      })
      .catch((reason: unknown) => reason);
    expect(messageOf(error)).toBe("configured logging driver does not support reading");
  });
});

describe("entries", () => {
  const scan = (text: string) => {
    const scanner = new LineScanner();
    scanner.reset(Buffer.from(text));
    const found: Array<[string, number, string]> = [];
    while (scanner.next()) {
      const { stream, time, timeStart, timeEnd } = scanner;
      const said = scanner.text.toString("utf8", scanner.textStart, scanner.textEnd);
      found.push([said, stream, time.toString("utf8", timeStart, timeEnd)]);
    }
    return found;
  };
  const rows: Array<[string, string, number]> = [
    ["plain text", "stdout", 1],
    ['a tab\tand a "quote"', "stderr", 2],
    ["a back\\slash", "stdout", 1],
    ["snowman ☃", "stdout", 1],
    ["several\nline\nfeeds", "stderr", 2],
    ['looks like ","stream":"stderr","time":"x"}', "stdout", 1],
    ["", "stdout", 1],
  ];
  for (const [said, stream, number] of rows) {
    test(`${stream}: ${JSON.stringify(said)}`, () => {
      expect(scan(line(said, stream) + line("next", "stderr"))).toEqual([
        [`${said}\n`, number, "2026-01-01T00:00:00.5Z"],
        ["next\n", 2, "2026-01-01T00:00:01.5Z"],
      ]);
    });
  }

  test("escapes of every kind", () => {
    const text = String.raw`{"log":"\u003c\u00e9\u2028\ufffd\ud83d\ude00\/\t\b\\","stream":"stdout","time":"2026-01-01T00:00:00Z"}`;
    expect(scan(`${text}\n`)).toEqual([["<é\u2028\ufffd😀/\t\b\\", 1, "2026-01-01T00:00:00Z"]]);
    expect(scan(`${text.replace(String.raw`\ud83d\ude00`, "")}\n`)[0]?.[0]).toBe("<é\u2028\ufffd/\t\b\\");
  });

  test("a piece of a long line has no line feed; attributes may stand between, members in any order", () => {
    const text =
      '{"log":"piece","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n' +
      String.raw`{"log":"whole\n","stream":"stderr","attrs":{"a":"\"b"},"time":"2026-01-01T00:00:01Z"}` +
      '\n{"time":"2026-01-01T00:00:02Z","stream":"stderr","log":"other"}\n';
    expect(scan(text)).toEqual([
      ["piece", 1, "2026-01-01T00:00:00Z"],
      ["whole\n", 2, "2026-01-01T00:00:01Z"],
      ["other", 2, "2026-01-01T00:00:02Z"],
    ]);
  });
});
