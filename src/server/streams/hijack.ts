import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../base/index.ts";
import { isKind, messageOf } from "../../base/index.ts";
import { type ApiVersion, hasSince, type OutputChunk, type StdioStream } from "../../api/index.ts";
import { type Exchange, type HeaderFields, type Hijacked, SERVER_ENDS } from "../http/index.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM, errorFrame, writeOutput } from "./frames.ts";
import { pump, type Sink } from "./pump.ts";

/**
 * The head that turns the connection into a pair of streams. Only the presence of `Upgrade` decides: 101 for who asked for
 * it, else the older bare 200.
 */
export function hijackHead(exchange: Exchange, tty: boolean, version: ApiVersion, fields: HeaderFields): string {
  const upgrades = exchange.head.headers.has("upgrade");
  const framed = upgrades && !tty && hasSince(version, "1.42");
  const type = framed ? MULTIPLEXED_STREAM : RAW_STREAM;
  return upgrades ? upgradeHead(type, fields) : streamHead("200 OK", type, fields);
}

/** The head of a connection that from here on is what `type` says. */
export function upgradeHead(type: string, fields: HeaderFields): string {
  return streamHead("101 UPGRADED", type, { Connection: "Upgrade", Upgrade: "tcp", ...fields });
}

function streamHead(status: string, type: string, fields: HeaderFields): string {
  let text = `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n`;
  for (const name in fields) text += `${name}: ${fields[name]}\r\n`;
  return `${text}\r\n`;
}

/** How long a process that does not read may hold up the release of its stdio. */
const CLOSE_MS = 10_000;

/** The client's side of a process's stdio. */
export interface StreamEnds {
  readonly sink: Sink;
  write(chunk: OutputChunk): void;
  writeError(message: string): void;
  /** The output has ended. */
  end(): void;
  /** The next piece of input; undefined after the last one. @throws when the connection broke. */
  read(): Promise<Uint8Array | undefined> | Uint8Array | undefined;
}

/** The connection itself: raw from a terminal, else with frames around each piece of output. */
export class RawEnds implements StreamEnds {
  readonly #connection: Hijacked;
  readonly #tty: boolean;

  constructor(connection: Hijacked, tty: boolean) {
    this.#connection = connection;
    this.#tty = tty;
  }

  get sink(): Sink {
    return this.#connection.output;
  }

  write(chunk: OutputChunk): void {
    writeOutput((data) => this.#connection.output.write(data), chunk, this.#tty);
  }

  writeError(message: string): void {
    if (!this.#tty) this.#connection.output.write(errorFrame(message));
  }

  /** The connection's own end is the sign. */
  end(): void {}

  read(): Promise<Uint8Array | undefined> | Uint8Array | undefined {
    return this.#connection.input.read();
  }
}

/**
 * Joins a client to a process's stdio until the output has ended or the client has gone. The client's end of input closes the
 * process's stdin and nothing else; so does its going away, but not the daemon's end, which containers do not notice.
 */
export async function joinStdio(
  client: StreamEnds,
  stdio: StdioStream,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  await using held = stdio;
  // Output that is waited for ends on dispose, so a client that has gone frees the process's side at once.
  let left: Promise<void> | undefined;
  const release = (): void => void (left ??= leave(held, signal, logger));
  signal.addEventListener("abort", release, { once: true });
  if (signal.aborted) release();
  void feedInput(client, held, logger);
  const output = held.output[Symbol.asyncIterator]();
  // To return from the output at once would let go of the process before its input is closed.
  const lasting = { [Symbol.asyncIterator]: () => ({ next: () => output.next() }) };
  try {
    await pump(lasting, client.sink, signal, (chunk) => client.write(chunk));
    client.end();
  } catch (error) {
    // A failed write may tell of it before the connection does: the input is closed first here, too.
    if (isKind(error, "cancelled")) return release();
    logger.warn("output of an attached process broke off", { error: messageOf(error) });
    client.writeError(messageOf(error));
  } finally {
    signal.removeEventListener("abort", release);
    await left;
    // Not awaited, as in `pump`.
    void Promise.resolve(output.return?.()).catch(() => undefined);
  }
}

async function feedInput(client: StreamEnds, stdio: StdioStream, logger: Logger): Promise<void> {
  try {
    for (;;) {
      const chunk = await client.read();
      if (chunk === undefined) break;
      await stdio.write(chunk);
    }
  } catch (error) {
    // Either the client broke off or the process takes no more input; its output goes on.
    logger.debug("input of an attached process ended", { error: messageOf(error) });
  }
  try {
    await stdio.closeInput();
  } catch (error) {
    logger.debug("input of an attached process was not closed", { error: messageOf(error) });
  }
}

/** Lets go of the process; it is told that no more input comes, unless it does not even take what came. */
async function leave(stdio: StdioStream, signal: AbortSignal, logger: Logger): Promise<void> {
  try {
    if (signal.reason !== SERVER_ENDS)
      await Promise.race([stdio.closeInput(), delay(CLOSE_MS, undefined, { ref: false })]);
  } catch (error) {
    logger.debug("input of an attached process was not closed", { error: messageOf(error) });
  }
  try {
    await stdio[Symbol.asyncDispose]();
  } catch (error) {
    logger.warn("an attached process's stream could not be released", { error: messageOf(error) });
  }
}
