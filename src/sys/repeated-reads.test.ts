import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type BlockingCalls, loadNative, RepeatedReads } from "./index.ts";

const native = loadNative();
let folder: string;
let calls: number;
let reads: RepeatedReads<readonly (string | undefined)[]>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), `berth-repeated-${process.pid}-`));
  calls = 0;
  const counting: Pick<BlockingCalls, "readFiles"> = {
    readFiles: (names) => {
      calls++;
      return native.readFiles(names);
    },
  };
  reads = new RepeatedReads(counting, { missing: ["ENOENT", "ENODEV"], parse: (texts) => texts });
});
afterEach(() => rmSync(folder, { recursive: true }));

const group = (name: string) => [join(folder, `${name}1`), join(folder, `${name}2`)];
const read = (name: string, options?: { keep: boolean }) => reads.read(name, () => group(name), options);

function openHere(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return [];
    }
  });
}

test("what is asked for in one turn is read in one go, each group once", async () => {
  writeFileSync(join(folder, "a1"), "one");
  writeFileSync(join(folder, "b2"), "two");
  const texts = await Promise.all([read("a"), read("b"), read("a")]);
  expect(texts).toEqual([
    ["one", undefined],
    [undefined, "two"],
    ["one", undefined],
  ]);
  expect(calls).toBe(1);
});

test("files that are read again stay open, and give what is in them then", async () => {
  writeFileSync(join(folder, "a1"), "one");
  writeFileSync(join(folder, "a2"), "x".repeat(20_000));
  await read("a");
  expect(openHere()).toEqual([]);
  await read("a");
  expect(openHere().sort()).toEqual(group("a"));
  writeFileSync(join(folder, "a1"), "another");
  expect(await read("a")).toEqual(["another", "x".repeat(20_000)]);
  expect(await read("a")).toEqual(["another", "x".repeat(20_000)]);
  expect(openHere().length).toBe(2);
});

test("files that are not read any more are closed, and opened again for who comes back", async () => {
  writeFileSync(join(folder, "a1"), "one");
  const brief = new RepeatedReads(native, { missing: ["ENOENT"], parse: (texts) => texts, idleMs: 1000 });
  const look = () => brief.read("a", () => group("a"));
  await look();
  await look();
  expect(openHere()).toEqual([join(folder, "a1")]);
  while (openHere().length > 0) await setTimeout(20);
  expect(await look()).toEqual(["one", undefined]);
});

test("files that must not be kept are not", async () => {
  writeFileSync(join(folder, "a1"), "one");
  for (let time = 0; time < 3; time++) expect(await read("a", { keep: false })).toEqual(["one", undefined]);
  expect(openHere()).toEqual([]);
});

test("what has not changed is not made anew; what has is, also by its length alone", async () => {
  const texts = ["one", "one", "other", "otherwise", "other", ""];
  writeFileSync(join(folder, "a1"), "one");
  await read("a");
  await read("a"); // the files are open from here on
  let last = await read("a");
  for (const text of texts) {
    writeFileSync(join(folder, "a1"), text);
    writeFileSync(join(folder, "b1"), "next");
    const [now, next] = await Promise.all([read("a"), read("b")]);
    expect(now).toEqual([text, undefined]);
    expect(next).toEqual(["next", undefined]);
    expect(now === last).toBe(last[0] === text);
    last = now;
  }
});

test("a failure names its file", async () => {
  mkdirSync(join(folder, "a2"));
  const failure = await read("a").catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "EISDIR", path: join(folder, "a2"), syscall: "read" });
});

test("what has gone with its cgroup is looked for again by its name", async () => {
  const root = readdirSync("/sys/fs/cgroup").includes("cgroup.procs") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
  const cgroup = join(root, `berth-repeated-${process.pid}`);
  const paths = [join(cgroup, "cgroup.procs"), join(cgroup, "cgroup.none")];
  const look = () => reads.read(cgroup, () => paths);
  mkdirSync(cgroup);
  try {
    for (let time = 0; time < 3; time++) expect(await look()).toEqual(["", undefined]);
    rmdirSync(cgroup);
    expect(await look()).toEqual([undefined, undefined]);
    mkdirSync(cgroup);
    expect(await look()).toEqual(["", undefined]);
  } finally {
    rmdirSync(cgroup);
  }
});
