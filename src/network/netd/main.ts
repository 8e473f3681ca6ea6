import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { createLogger, messageOf } from "../../base/index.ts";
import { loadNative } from "../../sys/index.ts";
import { LocalNetd } from "./local-netd.ts";
import type { NetdConfig } from "./types.ts";
import { onLines, send, type Numbered, type Outcome } from "./wire.ts";

/** So long a daemon may take to say what is to be served. */
const FIRST_LINGER_MS = 30_000;
/**
 * Milliseconds that a process with nothing to serve waits for the next container. For tests `BERTH_NETD_LINGER` has
 * others.
 */
const LINGER_MS = Number(process.env["BERTH_NETD_LINGER"] ?? 2000);
const SWEEP_MS = 10_000;

/**
 * `berth netd`: answers containers' names and relays ports while there is something to serve. Started by the daemon,
 * which it outlives; says a line once it listens.
 * @returns the exit code.
 */
export async function netdMain(argv: readonly string[]): Promise<number> {
  const text = { type: "string", default: "" } as const;
  const { values } = parseArgs({ args: [...argv], options: { socket: text, addon: text, version: text } });
  if (values.socket === "" || values.addon === "") {
    process.stderr.write("berth netd is started by the daemon\n");
    return 1;
  }
  const { promise: over, resolve: finish } = Promise.withResolvers<void>();
  const server = new NetdServer({ ...values, finish });
  await server.listen();
  process.stdout.write("ready\n");
  await over;
  server.close();
  return 0;
}

/** Answers the daemon on a socket that only root reaches; what is served ends with the process. */
class NetdServer {
  readonly #options: { socket: string; addon: string; version: string; finish: () => void };
  readonly #clients = new Set<Socket>();
  readonly #server = createServer((client) => this.#accept(client));
  readonly #sweeping = setInterval(() => void this.#sweep(), SWEEP_MS);
  #netd: LocalNetd | undefined;
  #config: NetdConfig | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #retired = false;

  constructor(options: { socket: string; addon: string; version: string; finish: () => void }) {
    this.#options = options;
    this.#lingering = setTimeout(options.finish, FIRST_LINGER_MS);
  }

  async listen(): Promise<void> {
    const { socket } = this.#options;
    process.umask(0o077);
    rmSync(socket, { force: true });
    await new Promise<void>((resolve, reject) => this.#server.once("error", reject).listen(socket, resolve));
  }

  /** Takes no more connections. The socket of one that has retired may be its successor's. */
  close(): void {
    clearTimeout(this.#lingering);
    clearInterval(this.#sweeping);
    if (this.#retired) return;
    this.#server.close();
    rmSync(this.#options.socket, { force: true });
  }

  #accept(client: Socket): void {
    this.#clients.add(client);
    client.on("close", () => this.#clients.delete(client));
    client.on("error", () => client.destroy());
    let turn = Promise.resolve();
    onLines(client, (line) => {
      const message = line as Numbered; // written by the daemon, this executable
      turn = turn.then(async () => {
        const outcome = await this.#answer(message).catch((error: unknown) => ({ error: messageOf(error) }));
        send(client, { ...outcome, id: message.id });
        this.#linger();
      });
    });
  }

  async #answer(message: Numbered): Promise<Outcome> {
    switch (message.op) {
      case "hello":
        return { version: this.#options.version };
      case "sync":
        await this.#configured(message.config).sync(message.entries);
        return {};
      case "put":
        await this.#netd?.put(message.entry, message.fresh);
        return {};
      case "drop":
        await this.#netd?.drop(message.container);
        return {};
      case "retire":
        this.close();
        this.#retired = true;
        void Promise.resolve(this.#netd?.retire()).then(this.#options.finish);
        return {};
    }
  }

  /** Options of a daemon that was started anew count for what is served already. */
  #configured(config: NetdConfig): LocalNetd {
    this.#config = Object.assign(this.#config ?? config, config);
    this.#netd ??= new LocalNetd({
      native: loadNative(this.#options.addon),
      config: this.#config,
      logger: createLogger({
        level: "warn",
        format: "text",
        write: (line) => this.#clients.forEach((client) => send(client, { log: line })),
      }),
    });
    return this.#netd;
  }

  async #sweep(): Promise<void> {
    await this.#netd?.dropEnded();
    this.#linger();
  }

  #linger(): void {
    if (this.#retired || this.#netd === undefined) return;
    clearTimeout(this.#lingering);
    this.#lingering = this.#netd.idle ? setTimeout(this.#options.finish, LINGER_MS) : undefined;
  }
}
