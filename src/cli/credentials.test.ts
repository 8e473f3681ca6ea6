import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readStoredAuth, runHelper } from "./credentials.ts";
import { messageOf } from "./errors.ts";
import { main } from "./index.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

const basic = (user: string) => ({ auth: Buffer.from(`${user}:secret`).toString("base64") });

test("credentials of the config file are found under the names that a registry may have there", async () => {
  const auths = { "https://a.example/v1/": basic("a"), "http://b.example": basic("b"), "c.example:5000": basic("c") };
  const user = async (key: string) => (await readStoredAuth({ auths }, key))?.username;
  expect(await Promise.all(["a.example", "b.example", "c.example:5000", "c.example"].map(user))).toEqual([
    "a",
    "b",
    "c",
    undefined,
  ]);
});

describe("a credential helper", () => {
  let folder = "";
  const path = process.env["PATH"];
  const helper = async (name: string, script: string) => {
    const file = join(folder, `docker-credential-${name}`);
    await writeFile(file, `#!/bin/sh\ncat > /dev/null\n${script}\n`);
    await chmod(file, 0o755);
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-helpers-"));
    process.env["PATH"] = `${folder}:${path ?? ""}`;
    await helper("works", `echo '{"Username":"ada","Secret":"'$1'"}'`);
    await helper("fails", 'echo "cannot $1"; exit 3');
    await helper("empty", "echo credentials not found in native keychain; exit 1");
    await helper("babbles", "echo nothing");
  });
  afterAll(async () => {
    process.env["PATH"] = path;
    await rm(folder, { recursive: true });
  });

  test("is asked instead of the file; what it cannot tell is none", async () => {
    const stored = (credsStore: string) =>
      readStoredAuth({ credsStore, auths: { "a.example": basic("file") } }, "a.example");
    expect(await stored("works")).toEqual({ username: "ada", password: "get", serveraddress: "a.example" });
    expect(await Promise.all(["fails", "empty", "babbles", "missing"].map(stored))).toEqual(Array(4).fill(undefined));
  });

  test("that fails is told by what was to be done, how it ended and what it said", async () => {
    const fault = (name: string, verb: "get" | "store" | "erase") =>
      runHelper(name, verb, "a").then((said) => `said ${said ?? "nothing"}`, messageOf);
    expect(await fault("fails", "store")).toBe("error storing credentials - err: exit status 3, out: `cannot store`");
    expect(await fault("missing", "erase")).toBe(
      'error erasing credentials - err: exec: "docker-credential-missing": executable file not found in $PATH, out: ``',
    );
    expect(await fault("empty", "get")).toBe("said nothing");
  });

  async function logout(config: object, ...args: string[]): Promise<{ said: string; left: unknown }> {
    const file = join(folder, "config.json");
    await writeFile(file, JSON.stringify(config));
    const io = new ScriptedIo({});
    await main(["--config", folder, "logout", ...args], io);
    return { said: io.stderr, left: JSON.parse(await readFile(file, "utf8")) };
  }

  test("that cannot erase is warned of when nothing was erased; the file is emptied all the same", async () => {
    const auths = { "a.example": basic("a"), "https://a.example": basic("a"), "b.example": basic("b") };
    const failed = await logout({ credsStore: "fails", auths }, "a.example");
    expect(failed.said).toBe(
      "WARNING: could not erase credentials:\n" +
        ["a.example", "http://a.example", "https://a.example"]
          .map((key) => `${key}: error erasing credentials - err: exit status 3, out: \`cannot erase\`\n`)
          .join(""),
    );
    expect(failed.left).toEqual({ credsStore: "fails", auths: { "b.example": basic("b") } });
    expect((await logout({ credHelpers: { "a.example": "fails" }, auths }, "a.example")).said).toBe("");
  });

  test("that cannot be asked for Docker Hub's is warned of before", async () => {
    expect((await logout({ credsStore: "babbles", auths: {} })).said).toBe(
      "WARNING: invalid character 'o' in literal null (expecting 'u')\n",
    );
  });
});
