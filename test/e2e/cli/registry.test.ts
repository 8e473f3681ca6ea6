import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DockerRegistry, hasDockerRegistry } from "../../support/docker-registry.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";

const available = hasDockerRegistry();
const LOGIN = { user: "captain", password: "secret" };

/** Output without what each registry and each image has of its own. */
const masked = (text: string, host: string) =>
  text
    .replaceAll(host, "HOST")
    .replace(/sha256:[0-9a-f]{64}/g, "DIGEST")
    .replace(/\b[0-9a-f]{12}\b/g, "LAYER");

const PULLED = [
  "1: Pulling from team/app",
  "LAYER: Pulling fs layer",
  "LAYER: Verifying Checksum",
  "LAYER: Download complete",
  "LAYER: Pull complete",
  "Digest: DIGEST",
  "Status: Downloaded newer image for HOST/team/app:1",
  "",
];

describe.skipIf(!available)("an image goes through a registry with berth's own command", () => {
  let engine: TestEngine;
  let registry: DockerRegistry;
  let image = "";
  const berth = async (...args: string[]) => {
    const { code, stdout, stderr } = await engine.berth(args);
    return {
      code,
      stdout: masked(stdout, registry.host).split("\n"),
      stderr: masked(stderr, registry.host).split("\n"),
    };
  };

  beforeAll(async () => {
    [engine, registry] = await Promise.all([startEngine(), DockerRegistry.start()]);
    image = `${registry.host}/team/app:1`;
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });
  /** Without any name or layer of it. */
  const forget = () => engine.berth(["rmi", "-f", image, "busybox:local"]);

  test("push sends what the registry lacks, once", async () => {
    expect((await berth("tag", "busybox:local", image)).code).toBe(0);
    const first = await berth("push", image);
    expect(first.stdout).toEqual([
      "The push refers to repository [HOST/team/app]",
      "LAYER: Preparing",
      "LAYER: Pushed",
      expect.stringMatching(/^1: digest: DIGEST size: \d+$/),
      "",
    ]);
    expect((await berth("push", image)).stdout).toContain("LAYER: Layer already exists");
  });

  test("pull brings it back, and says when it is there already", async () => {
    await forget();
    expect(await berth("pull", image)).toEqual({
      code: 0,
      stdout: [...PULLED.slice(0, -1), "HOST/team/app:1", ""],
      stderr: [""],
    });
    expect((await berth("pull", image)).stdout).toContain("Status: Image is up to date for HOST/team/app:1");
    expect((await berth("pull", "-q", image)).stdout).toEqual(["HOST/team/app:1", ""]);
    expect((await berth("run", "--rm", image, "echo", "hello")).stdout).toEqual(["hello", ""]);
  });

  test("run pulls what is missing, with its progress on standard error", async () => {
    await forget();
    expect(await berth("run", "--rm", image, "echo", "hello")).toEqual({
      code: 0,
      stdout: ["hello", ""],
      stderr: ["Unable to find image 'HOST/team/app:1' locally", ...PULLED],
    });
  });

  test("--pull always asks the registry, --pull never does not", async () => {
    const always = await berth("run", "--rm", "--pull", "always", image, "true");
    expect(always.stderr).toContain("Status: Image is up to date for HOST/team/app:1");
    expect((await berth("run", "--rm", "--pull", "never", image, "true")).stderr).toEqual([""]);
    await forget();
    const never = await berth("run", "--rm", "--pull", "never", image, "true");
    expect(never.code).toBe(125);
    expect(never.stderr[0]).toBe("berth: Error response from daemon: No such image: HOST/team/app:1");
    expect((await berth("run", "--rm", "--pull", "always", "-q", image, "true")).code).toBe(0);
  });

  test("what the registry does not have is told", async () => {
    const tag = await berth("pull", `${registry.host}/team/app:nosuch`);
    expect(tag).toEqual({
      code: 1,
      stdout: [""],
      stderr: [
        "Error response from daemon: manifest for HOST/team/app:nosuch not found: manifest unknown: manifest unknown",
        "",
      ],
    });
    const repository = await berth("pull", `${registry.host}/nosuch:1`);
    expect(repository.code).toBe(1);
    expect(repository.stderr[0]).toMatch(/^Error response from daemon: .*nosuch/);
  });

  test("pull -a brings every tag", async () => {
    await engine.berth(["tag", image, `${registry.host}/team/app:2`]);
    expect((await berth("push", "-a", `${registry.host}/team/app`)).code).toBe(0);
    await engine.berth(["rmi", "-f", image, `${registry.host}/team/app:2`]);
    expect((await berth("pull", "-a", `${registry.host}/team/app`)).code).toBe(0);
    const tags = await berth("images", "--format", "{{.Tag}}", `${registry.host}/team/app`);
    expect(tags.stdout.sort()).toEqual(["", "1", "2"]);
  });
});

describe.skipIf(!available)("a registry that wants to know who calls", () => {
  let engine: TestEngine;
  let registry: DockerRegistry;
  let image = "";
  const login = (password: string) =>
    engine.berth(["login", "-u", LOGIN.user, "--password-stdin", registry.host], { input: `${password}\n` });

  beforeAll(async () => {
    [engine, registry] = await Promise.all([startEngine(), DockerRegistry.start(LOGIN)]);
    image = `${registry.host}/app:1`;
    await engine.berth(["tag", "busybox:local", image]);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });

  test("refuses who does not say", async () => {
    const { code, stderr } = await engine.berth(["push", image]);
    expect(code).toBe(1);
    expect(stderr).toContain("no basic auth credentials");
  });

  test("refuses a wrong password, which is not kept", async () => {
    const { code, stdout, stderr } = await login("wrong");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^Error response from daemon: .*unauthorized/);
    expect(await readFile(join(engine.folder, "client/config.json"), "utf8").catch(() => "{}")).not.toContain(
      registry.host,
    );
  });

  test("takes the right one, and pushes and pulls from then on", async () => {
    expect(await login(LOGIN.password)).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
    expect((await engine.berth(["push", "-q", image])).code).toBe(0);
    await engine.berth(["rmi", image]);
    expect((await engine.berth(["run", "--rm", image, "echo", "in"])).stdout).toBe("in\n");
  });

  test("tells the engine what it has under a name, when the engine says who calls", async () => {
    const path = `/v1.47/distribution/${image}/json`;
    const auth = Buffer.from(JSON.stringify({ username: LOGIN.user, password: LOGIN.password })).toString("base64url");
    const told = await engine.api("GET", path, undefined, { "X-Registry-Auth": auth });
    expect(told).toMatchObject({
      status: 200,
      json: {
        Descriptor: {
          mediaType: "application/vnd.docker.distribution.manifest.v2+json",
          digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
          size: expect.any(Number),
        },
        Platforms: [{ architecture: "amd64", os: "linux" }],
      },
    });
    expect(await engine.api("GET", path)).toMatchObject({ status: 401 });
    const missing = await engine.api("GET", path.replace(":1/", ":2/"), undefined, { "X-Registry-Auth": auth });
    expect(missing).toMatchObject({ status: 404, json: { message: "manifest unknown: manifest unknown" } });
  });

  test("knows nobody after a logout", async () => {
    expect((await engine.berth(["logout", registry.host])).stdout).toBe(
      `Removing login credentials for ${registry.host}\n`,
    );
    await engine.berth(["rmi", "-f", image]);
    const { code, stderr } = await engine.berth(["pull", image]);
    expect(code).toBe(1);
    expect(stderr).toContain("no basic auth credentials");
  });
});
