import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDigest } from "../base/index.ts";
import type { RegistryAuth } from "../registry/index.ts";
import { dockerArchive, image, stream, tar } from "./testing/archives.ts";
import { call, collect, failure, lines, testEngine, type TestEngine } from "./testing/engine.ts";

/** Against the real `docker-registry`. */

setDefaultTimeout(120_000);

const PROGRAM = "/usr/bin/docker-registry";
const installed = existsSync(PROGRAM);
if (!installed) console.log(`skipped: the package docker-registry is not installed (${PROGRAM})`);

let folder: string;
let engine: TestEngine;
const running: ChildProcess[] = [];

async function startRegistry(name: string, auth = ""): Promise<string> {
  const config = join(folder, `${name}.yml`);
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${join(folder, name)}}}\n` +
      `http: {addr: "127.0.0.1:0"}\n${auth}`,
  );
  const child = spawn(PROGRAM, ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(said)?.[1];
    if (host !== undefined) resolve(host);
  });
  child.once("exit", () => reject(new Error(`${PROGRAM} did not start: ${said}`)));
  running.push(child);
  return await promise;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "berth-docker-registry-"));
  engine = await testEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  for (const child of running) {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

const source = image([tar([{ name: "a", data: "a" }]), tar([{ name: "b", data: randomBytes(2_000_000) }])]);
const pull = async (repo: string, tag?: string, auth?: RegistryAuth) =>
  lines(await collect(engine.images.pull({ repo, tag }, { platform: undefined, auth }, call)));
const push = async (repo: string, tag: string, auth?: RegistryAuth) =>
  lines(await collect(engine.images.push(repo, { tag, platform: undefined, auth }, call)));
const load = async (tag: string): Promise<void> =>
  void (await collect(
    engine.images.load(stream(dockerArchive([{ image: source, tags: [tag] }])), { quiet: true, platforms: [] }, call),
  ));

describe.skipIf(!installed)("docker-registry", () => {
  test("takes an image and gives it again", async () => {
    const host = await startRegistry("open");
    const name = `${host}/team/thing`;
    await load(`${name}:1`);
    const digest = /digest: (\S+)/.exec((await push(name, "1")).join("\n"))?.[1] ?? "none";
    await engine.images.remove(source.id, { force: true, noprune: false, platforms: [] });
    const said = await pull(name, "1");
    expect(said[0]).toBe("Pulling from team/thing");
    expect(said.slice(-2)).toEqual([`Digest: ${digest}`, `Status: Downloaded newer image for ${name}:1`]);
    expect((await engine.images.resolve(`${name}@${digest}`)).id).toBe(parseDigest(source.id));

    // The layers are there: another repository gets them without an upload.
    await engine.images.tag(`${name}:1`, { repo: `${host}/other`, tag: "2" });
    expect(await push(`${host}/other`, "2")).toContain("Mounted from team/thing");

    expect(await failure(pull(name, "2"))).toBe(`manifest for ${name}:2 not found: manifest unknown: manifest unknown`);
    expect(await failure(pull(`${host}/nosuch`))).toBe(
      `repository ${host}/nosuch not found: name unknown: repository name not known to registry`,
    );
  });

  test("is shown credentials when it asks for them", async () => {
    const hash = await Bun.password.hash("s3cret", { algorithm: "bcrypt", cost: 4 });
    const file = join(folder, "htpasswd");
    writeFileSync(file, `ann:${hash}\n`);
    const host = await startRegistry("closed", `auth: {htpasswd: {realm: test, path: ${file}}}\n`);
    const auth = { username: "ann", password: "s3cret" };
    const name = `${host}/thing`;
    await load(`${name}:1`);
    expect((await push(name, "1")).at(-1)).toContain("no basic auth credentials");
    expect((await push(name, "1", { username: "ann", password: "wrong" })).at(-1)).toContain("unauthorized");
    expect((await push(name, "1", auth)).join("\n")).toContain("1: digest: sha256:");
    expect(await failure(pull(name, "1"))).toContain("no basic auth credentials");
    expect((await pull(name, "1", auth)).at(-1)).toMatch(/^Status: /);
  });
});
