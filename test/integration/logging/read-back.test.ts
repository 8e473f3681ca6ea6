import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createServer } from "node:tls";
import { hasOpenssl, makeCertificates } from "../../support/certificates.ts";
import { dockerOutput, startEngine, type TestEngine } from "../../support/engine.ts";
import { eventually } from "../../support/wait.ts";

let engine: TestEngine;
let certificates: string;

beforeAll(async () => {
  certificates = await mkdtemp("/tmp/berth-certificates-");
  if (await hasOpenssl()) await makeCertificates(certificates);
  // fluentd's TLS has no option that names an authority: it is one that this host trusts.
  engine = await startEngine({ env: { NODE_EXTRA_CA_CERTS: join(certificates, "ca.pem") } });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(certificates, { recursive: true });
});

const RUN = ["run", "-d", "--network", "none"];

describe("rotated files that were compressed are read back", () => {
  for (const driver of ["json-file", "local"]) {
    test(`with ${driver}, in their order, from any place`, async () => {
      const options = ["max-size=20k", "max-file=4", "compress=true"].flatMap((each) => ["--log-opt", each]);
      // It waits at its end for the last file to be compressed, too, since logs are followed while it runs.
      const script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo error >&2; exec sleep 1000";
      const args = [...RUN, "--log-driver", driver, ...options, "busybox:local", "sh", "-c", script];
      const id = await dockerOutput(engine, args);
      const shown = await dockerOutput(engine, ["inspect", "--format", "{{.LogPath}}", id]);
      const folder = shown === "" ? join(engine.dataRoot, "containers", id) : dirname(shown);
      // Before that, three files may be all that there is: whoever reads slowly gets what came later with the first line.
      await eventually("the last line", async () => (await engine.docker(["logs", id])).stderr === "error\n");
      await eventually("three compressed files", () => {
        const names = readdirSync(folder);
        return names.filter((name) => /\.\d\.gz$/.test(name)).length === 3 && !names.some((name) => /\.\d$/.test(name));
      });
      const { stdout } = await engine.docker(["logs", id]);
      const lines = stdout.split("\n").slice(0, -1);
      const first = Number(lines[0]?.replace("line ", ""));
      // What the oldest file that is kept begins with, and everything after it.
      expect(first).toBeGreaterThan(0);
      expect(first).toBeLessThan(2500);
      expect(lines).toEqual(Array.from({ length: 3000 - first }, (_, index) => `line ${first + index}`));
      // One of the 500 is the error.
      const tail = await dockerOutput(engine, ["logs", "--tail", "500", id]);
      expect(tail.split("\n").slice(0, 2)).toEqual(["line 2501", "line 2502"]);

      const stamped = (await dockerOutput(engine, ["logs", "--timestamps", id])).split("\n");
      const [since = ""] = stamped[Math.floor(lines.length / 2)]?.split(" ") ?? [];
      const later = (await dockerOutput(engine, ["logs", "--since", since, id])).split("\n");
      // Lines that came together have one time.
      const from = stamped.findIndex((line) => line.startsWith(`${since} `));
      expect(later).toEqual(lines.slice(from));
      await dockerOutput(engine, ["rm", "-f", id]);
    });
  }
});

test("fluentd's protocol goes over TLS to a receiver that the host trusts", async () => {
  if (!(await hasOpenssl())) return;
  const read = (name: string) => readFileSync(join(certificates, name));
  const bytes: Buffer[] = [];
  const server = createServer({ key: read("server.key"), cert: read("server.pem") }, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => bytes.push(data));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const options = ["--log-driver=fluentd", `--log-opt=fluentd-address=tls://127.0.0.1:${port}`];
  const id = await dockerOutput(engine, [...RUN, ...options, "busybox:local", "echo", "over TLS"]);
  await eventually("the entry", () => Buffer.concat(bytes).includes("over TLS"));
  await dockerOutput(engine, ["wait", id]);
  await dockerOutput(engine, ["rm", id]);
  server.close();
});
