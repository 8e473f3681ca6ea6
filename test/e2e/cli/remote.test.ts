import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateFolder, hasOpenssl, makeCertificates, tlsFlags } from "../../support/certificates.ts";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { output, run } from "../../support/process.ts";
import { eventually } from "../../support/wait.ts";

const hasDocker = (await output("docker", ["--version"]).catch(() => "")) !== "";
const programs = [{ name: "berth", file: BERTH }, ...(hasDocker ? [{ name: "docker", file: "docker" }] : [])];
const available = await hasOpenssl();

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
    // A variable that names a host, even an empty one, keeps older commands from looking at contexts
    const unset = ["-u", "DOCKER_HOST", "-u", "BERTH_HOST", "-u", "DOCKER_CONTEXT"];
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

    test("works with a context that keeps the certificates", async () => {
      const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((part) => join(own, part));
      const endpoint = `host=${host},ca=${ca},cert=${cert},key=${key}`;
      expect((await call(["context", "create", "far", "--docker", endpoint])).code).toBe(0);
      expect((await call(["context", "use", "far"])).stdout).toBe("far\n");
      expect((await call(["info", "--format", "{{.Name}}"])).code).toBe(0);
      expect((await call(["-c", "far", "version", "--format", "{{.Server.Os}}"])).stdout).toBe("linux\n");
      expect((await call(["context", "inspect", "--format", "{{.Name}}"])).stdout).toBe("far\n");
      await call(["context", "use", "default"]);
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
