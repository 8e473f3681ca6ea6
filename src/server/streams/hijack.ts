import type { Logger } from "../../base/index.ts";
import { isKind, messageOf } from "../../base/index.ts";
import { type ApiVersion, hasSince, type StdioStream } from "../../api/index.ts";
import type { Exchange, HeaderFields, Hijacked } from "../http/index.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM, errorFrame, writeOutput } from "./frames.ts";
import { pump } from "./pump.ts";

/**
 * The head that turns the connection into a pair of streams. Only the presence of `Upgrade` decides: 101 for who asked for
 * it, else the older bare 200.
 */
export function hijackHead(exchange: Exchange, tty: boolean, version: ApiVersion, fields: HeaderFields): string {
  const upgrades = exchange.head.headers.has("upgrade");
  const framed = upgrades && !tty && hasSince(version, "1.42");
  let text = upgrades ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n";
  text += `Content-Type: ${framed ? MULTIPLEXED_STREAM : RAW_STREAM}\r\n`;
  if (upgrades) text += "Connection: Upgrade\r\nUpgrade: tcp\r\n";
  for (const name in fields) text += `${name}: ${fields[name]}\r\n`;
  return `${text}\r\n`;
}

/**
 * Joins a client to a process's stdio until the output has ended or the client has gone. The client's end of input closes the
 * process's stdin and nothing else.
 */
export async function joinStdio(
  connection: Hijacked,
  stdio: StdioStream,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  await using held = stdio;
  // Output that is waited for ends on dispose, so a client that has gone frees the process's side at once.
  const release = (): void => void disposeQuietly(held, logger);
  signal.addEventListener("abort", release, { once: true });
  if (signal.aborted) release();
  void feedInput(connection, held, logger);
  const { output } = connection;
  const write = (data: Uint8Array): void => output.write(data);
  try {
    await pump(held.output, output, signal, (chunk) => writeOutput(write, chunk, held.tty));
  } catch (error) {
    if (isKind(error, "cancelled")) return;
    logger.warn("output of an attached process broke off", { error: messageOf(error) });
    if (!held.tty) output.write(errorFrame(messageOf(error)));
  } finally {
    signal.removeEventListener("abort", release);
  }
}

async function feedInput(connection: Hijacked, stdio: StdioStream, logger: Logger): Promise<void> {
  try {
    for (;;) {
      const chunk = await connection.input.read();
      if (chunk === undefined) break;
      await stdio.write(chunk);
    }
    await stdio.closeInput();
  } catch (error) {
    // Either the client broke off or the process takes no more input; its output goes on.
    logger.debug("input of an attached process ended", { error: messageOf(error) });
  }
}

async function disposeQuietly(stdio: StdioStream, logger: Logger): Promise<void> {
  try {
    await stdio[Symbol.asyncDispose]();
  } catch (error) {
    logger.warn("an attached process's stream could not be released", { error: messageOf(error) });
  }
}
