import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttachedNetworking } from "../network/index.ts";
import { filesIn, updateFiles } from "./hosts-files.ts";
import type { ContainerRecord } from "./record.ts";

const record = { hostConfig: {} } as ContainerRecord; // nothing else of it is looked at
let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-hosts-"));
});
afterEach(() => rm(folder, { recursive: true }));

function attached(addresses: readonly string[], resolvConf: string): AttachedNetworking {
  const hostsLines = addresses.map((address) => ({ address, names: ["me"] }));
  return { endpoints: {}, ports: {}, hostsLines, resolvConf, sandboxKey: "" };
}

const before = attached(["10.0.0.2"], "nameserver 10.0.0.53\n");
const after = attached(["10.0.0.2", "10.1.0.2"], "nameserver 127.0.0.11\n");

test("a network that comes and goes leaves its lines only meanwhile", async () => {
  const files = filesIn(folder);
  await writeFile(files.hosts, "127.0.0.1\tlocalhost\n10.0.0.2\tme\n");
  await writeFile(files.resolvConf, before.resolvConf);
  await updateFiles(files, record, before, after);
  expect(await readFile(files.hosts, "utf8")).toBe("127.0.0.1\tlocalhost\n10.0.0.2\tme\n10.1.0.2\tme\n");
  expect(await readFile(files.resolvConf, "utf8")).toBe(after.resolvConf);
  await updateFiles(files, record, after, before);
  expect(await readFile(files.hosts, "utf8")).toBe("127.0.0.1\tlocalhost\n10.0.0.2\tme\n");
  expect(await readFile(files.resolvConf, "utf8")).toBe(before.resolvConf);
});

test("what the container wrote stays", async () => {
  const files = filesIn(folder);
  await writeFile(files.hosts, "10.0.0.2\tme\n");
  await writeFile(files.resolvConf, "nameserver 1.2.3.4\n");
  await appendFile(files.hosts, "10.9.9.9\tfriend\n");
  await updateFiles(files, record, before, after);
  expect(await readFile(files.hosts, "utf8")).toBe("10.0.0.2\tme\n10.9.9.9\tfriend\n10.1.0.2\tme\n");
  expect(await readFile(files.resolvConf, "utf8")).toBe("nameserver 1.2.3.4\n");
});

test("files that a container blew up are left alone", async () => {
  const files = filesIn(folder);
  const much = "x".repeat((1 << 20) + 1);
  await writeFile(files.hosts, much);
  await writeFile(files.resolvConf, before.resolvConf);
  await updateFiles(files, record, before, after);
  expect((await readFile(files.hosts, "utf8")).length).toBe(much.length);
});
