import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "./index.ts";
import { ScriptedIo } from "./testing/scripted-io.ts";

describe("berth system default", () => {
  let folder = "";
  let servers: Server[] = [];
  const at = (name: string) => join(folder, name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-default-"));
    await listen("berth.sock");
  });
  afterEach(async () => {
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
    servers = [];
    await rm(folder, { recursive: true, force: true });
  });

  async function listen(name: string): Promise<void> {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(at(name), resolve));
    servers.push(server);
  }

  async function turn(word: string, socket = "berth.sock") {
    const io = new ScriptedIo({ HOME: folder, BERTH_HOST: `unix://${at(socket)}` });
    const code = await main(["system", "default", "--link", at("docker.sock"), word], io);
    return { code, text: (io.stdout + io.stderr).replaceAll(folder, "") };
  }

  test("makes Docker's socket a link to berth's, and takes it away", async () => {
    expect(await turn("on")).toEqual({ code: 0, text: "/docker.sock leads to /berth.sock now\n" });
    expect(await readlink(at("docker.sock"))).toBe(at("berth.sock"));
    expect(await turn("on")).toEqual({ code: 0, text: "/docker.sock leads to /berth.sock already\n" });
    expect(await turn("off")).toEqual({ code: 0, text: "/docker.sock is free again\n" });
    expect(await turn("off")).toEqual({
      code: 0,
      text: "/docker.sock does not lead to /berth.sock: nothing to give back\n",
    });
  });

  test("leaves a place alone where another engine listens", async () => {
    await listen("docker.sock");
    expect(await turn("on")).toEqual({
      code: 1,
      text: "another engine listens on /docker.sock: stop it first\n",
    });
    expect((await turn("off")).code).toBe(0);
    expect(await Bun.file(at("docker.sock")).stat()).toMatchObject({});
  });

  test("replaces a socket that an ended program left", async () => {
    const code =
      "require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
    await Bun.spawn([process.execPath, "-e", code, at("docker.sock")], { stdio: ["ignore", "ignore", "ignore"] })
      .exited;
    expect((await turn("on")).text).toBe("/docker.sock leads to /berth.sock now\n");
  });

  test("touches neither a file nor a link to elsewhere", async () => {
    await writeFile(at("docker.sock"), "precious");
    expect(await turn("on")).toEqual({ code: 1, text: "/docker.sock is no socket: remove it first\n" });
    await rm(at("docker.sock"));
    await symlink("/elsewhere", at("docker.sock"));
    expect(await turn("on")).toEqual({ code: 1, text: "/docker.sock is a link to /elsewhere: remove it first\n" });
  });

  test("wants an engine to lead to, and on or off", async () => {
    expect(await turn("on", "none.sock")).toEqual({
      code: 1,
      text: "nothing listens on /none.sock: start `berth daemon` first\n",
    });
    expect(await turn("maybe")).toEqual({ code: 1, text: 'say on or off, not "maybe"\n' });
  });
});
