import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateFolder, hasOpenssl, makeCertificates, tlsFlags } from "../../support/certificates.ts";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";

const hasDocker = (await output("docker", ["--version"]).catch(() => "")) !== "";
const programs = [{ name: "berth", file: BERTH }, ...(hasDocker ? [{ name: "docker", file: "docker" }] : [])];
const available = await hasOpenssl();
// A variable that names a host, even an empty one, keeps older commands from looking at contexts
const unset = ["-u", "DOCKER_HOST", "-u", "BERTH_HOST", "-u", "DOCKER_CONTEXT"];

/**
 * What ssh(1) does with its words, without another host: those behind the host's name go to a shell, for which the engine
 * is the usual one there.
 */
const sshOf = (socket: string) => `#!/bin/sh
export DOCKER_HOST=unix://${socket}
while [ "$1" != -- ]; do shift; done
[ "$2" = nowhere ] && { echo "ssh: Could not resolve hostname nowhere" >&2; exit 255; }
shift 2
[ -z "$SSH_PIDS" ] || echo $$ >> "$SSH_PIDS"
exec sh -c "exec $*"
`;

describe("an engine behind ssh", () => {
  let folder = "";
  let engine: TestEngine;
  let host = "";

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-ssh-"));
    await symlink(BERTH, join(folder, "berth"));
    engine = await startEngine();
    await writeFile(join(folder, "ssh"), sshOf(engine.socket), { mode: 0o755 });
    host = `ssh://captain@ship:2222${engine.socket}`;
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  describe.each(programs)("$name", ({ name, file }) => {
    const call = (...args: string[]) => {
      const env = [`PATH=${folder}:${process.env["PATH"]}`, `HOME=${folder}`, `DOCKER_CONFIG=${join(folder, name)}.d`];
      return run("env", [...unset, ...env, file, ...args], { input: "through\n" });
    };

    let at = "";
    beforeAll(async () => {
      // Docker's command has not always taken a socket's path behind the host
      const refused = (await call("-H", host, "version")).stderr.includes("extra path after the host");
      at = refused ? host.slice(0, -engine.socket.length) : host;
    });

    test("is asked, run on and exec'd in", async () => {
      expect((await call("-H", at, "version", "--format", "{{.Server.Os}}")).stdout).toBe("linux\n");
      const ran = await call("-H", at, "run", "--rm", "-i", "busybox:local", "sh", "-c", "cat; echo err >&2; exit 7");
      expect(ran).toEqual({ code: 7, stdout: "through\n", stderr: "err\n" });
      expect((await call("-H", at, "run", "-d", "--name", name, "busybox:local", "sleep", "1000")).code).toBe(0);
      const inside = await call("-H", at, "exec", "-i", name, "cat");
      expect(inside).toEqual({ code: 0, stdout: "through\n", stderr: "" });
      expect((await call("-H", at, "rm", "-f", name)).stdout).toBe(`${name}\n`);
    });

    test("is reached by a context", async () => {
      expect((await call("context", "create", "far", "--docker", `host=${at}`)).code).toBe(0);
      expect((await call("-c", "far", "info", "--format", "{{.OSType}}")).stdout).toBe("linux\n");
    });

    test("that ssh does not reach is told with what ssh said", async () => {
      const { code, stdout, stderr } = await call("-H", "ssh://nowhere", "ps");
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      // Docker's command writes before it looks, and when ssh has ended by then that is all it says
      if (name === "docker" && stderr.endsWith("write |1: broken pipe\n")) return;
      expect(stderr).toMatch(
        /^error during connect: Get "http:\/\/docker\.example\.com\/v1\.\d+\/containers\/json": command \[ssh (-o ConnectTimeout=30 -T )?-- nowhere /,
      );
      expect(stderr).toMatch(/has exited with exit status 255, (please )?make sure the URL is valid, and /);
      expect(stderr).toContain("stderr=ssh: Could not resolve hostname nowhere");
    });
  });

  test("is let go of when the command is killed, though its session has nothing to say", async () => {
    const pids = join(folder, "pids");
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, SSH_PIDS: pids };
    expect((await engine.berth(["run", "-d", "--name", "silent", "busybox:local", "sleep", "1000"])).code).toBe(0);
    const client = Bun.spawn([BERTH, "-H", host, "exec", "silent", "sleep", "999"], { env, stdin: "ignore" });
    await eventually("the session", async () => (await engine.berth(["top", "silent"])).stdout.includes("sleep 999"));
    client.kill("SIGTERM");
    expect(await client.exited).toBe(143);
    const started = (await readFile(pids, "utf8")).trim().split("\n");
    expect(started).not.toBeEmpty();
    await eventually("the end of what connects", async () => {
      // Empty: it has ended, but nobody has asked how
      const left = await Promise.all(started.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
      return left.join("") === "";
    });
    expect((await engine.berth(["rm", "-f", "silent"])).code).toBe(0);
  });

  test("is not reached without the program", async () => {
    const { code, stderr } = await run("env", ["PATH=/nonexistent", BERTH, "-H", "ssh://ship", "ps"]);
    expect(code).toBe(1);
    expect(stderr).toContain('exec: "ssh": executable file not found in $PATH');
  });
});

describe.skipIf(!available)("an engine behind TLS", () => {
  let folder = "";
  let engine: TestEngine;
  /** The client's certificate as Docker's clients look for it. */
  let own = "";
  let host = "";

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-remote-"));
    await makeCertificates(folder);
    own = await certificateFolder(folder, "client");
    engine = await startEngine({ flags: ["--host=tcp://127.0.0.1:0", ...tlsFlags(folder)] });
    host = await eventually("the line of the log that names the address", async () => {
      return /address=(tcp:\/\/127\.0\.0\.1:\d+)/.exec(await engine.log())?.[1];
    });
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  describe.each(programs)("$name", ({ name, file }) => {
    const call = (args: readonly string[], more: Record<string, string> = {}) => {
      const env = Object.entries({ HOME: folder, DOCKER_CONFIG: join(folder, name), ...more });
      const settings = env.map(([key, value]) => `${key}=${value}`);
      return run("env", [...unset, ...settings, file, ...args], { input: "through\n" });
    };

    test("works with the flags", async () => {
      const flags = ["-H", host, ...tlsFlags(folder, "client")];
      expect(await call([...flags, "run", "--rm", "-i", "busybox:local", "cat"])).toEqual({
        code: 0,
        stdout: "through\n",
        stderr: "",
      });
    });

    test("works with the environment", async () => {
      const more = { DOCKER_HOST: host, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: own };
      expect(await call(["images", "--format", "{{.Repository}}:{{.Tag}}"], more)).toEqual({
        code: 0,
        stdout: "busybox:local\n",
        stderr: "",
      });
    });

    test("works with a context that keeps the certificates, also when it travels in an archive", async () => {
      const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((part) => join(own, part));
      const endpoint = `host=${host},ca=${ca},cert=${cert},key=${key}`;
      expect((await call(["context", "create", "far", "--docker", endpoint])).code).toBe(0);
      expect((await call(["context", "use", "far"])).stdout).toBe("far\n");
      expect((await call(["info", "--format", "{{.Name}}"])).code).toBe(0);
      expect((await call(["-c", "far", "version", "--format", "{{.Server.Os}}"])).stdout).toBe("linux\n");
      expect((await call(["context", "inspect", "--format", "{{.Name}}"])).stdout).toBe("far\n");
      await call(["context", "use", "default"]);
      const archive = join(folder, `${name}.tar`);
      expect((await call(["context", "export", "far", archive])).code).toBe(0);
      expect((await call(["context", "import", "farther", archive])).stdout).toBe("farther\n");
      expect((await call(["-c", "farther", "version", "--format", "{{.Server.Os}}"])).stdout).toBe("linux\n");
      expect((await call(["context", "create", "copy", "--from", "far"])).code).toBe(0);
      expect((await call(["-c", "copy", "version", "--format", "{{.Server.Os}}"])).stdout).toBe("linux\n");
      expect((await call(["context", "rm", "farther", "copy"])).code).toBe(0);
      expect((await call(["context", "rm", "far"])).stdout).toBe("far\n");
    });

    test("is refused with a certificate of another authority, or none", async () => {
      for (const flags of [tlsFlags(folder, "stranger"), ["--tls"], []]) {
        const { code, stdout, stderr } = await call(["-H", host, ...flags, "ps"]);
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
        expect(stderr).not.toBe("");
      }
    });

    test("refuses an engine whose certificate it does not trust", async () => {
      const flags = tlsFlags(folder, "client", "other");
      expect((await call(["-H", host, ...flags, "ps"])).code).toBe(1);
    });
  });
});
