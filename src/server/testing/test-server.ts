import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../base/index.ts";
import { type ApiServer, createServer, type ServerOptions } from "../server.ts";
import { fakeBackends } from "./fake-backends.ts";
import { RawClient } from "./raw-client.ts";

export interface TestServer extends AsyncDisposable {
  readonly server: ApiServer;
  readonly path: string;
  connect(): Promise<RawClient>;
}

/** A server on a socket of its own, with an engine that a test makes up. */
export async function startTestServer(
  backends: Parameters<typeof fakeBackends>[0] = {},
  options: Partial<ServerOptions> = {},
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), `berth-server-${process.pid}-`));
  const path = join(folder, "api.sock");
  const server = createServer({ backends: fakeBackends(backends), version: "0.0.0", logger: silentLogger, ...options });
  await server.listen({ path });
  return {
    server,
    path,
    connect: () => RawClient.connect(path),
    async [Symbol.asyncDispose]() {
      await server.close({ graceMs: 0 });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
