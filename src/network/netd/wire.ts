/**
 * What daemon and netd say to each other: JSON, a message a line, each request answered in order with its id.
 *
 *     daemon                          netd
 *     hello ────────────────────────▶ its version; another one than the daemon's is told to retire
 *     sync (options, containers) ───▶ ok
 *     put, drop … ──────────────────▶ ok, or the error's text
 *                                     log: lines for the daemon's log, without an id
 */
import type { Socket } from "node:net";
import type { NetdConfig, NetdEntry } from "./types.ts";

export type Request =
  | { op: "hello" }
  | { op: "sync"; config: NetdConfig; entries: NetdEntry[] }
  | { op: "put"; entry: NetdEntry; fresh: boolean }
  | { op: "drop"; container: string }
  /** Stop listening and serving; relayed connections go on to their ends. */
  | { op: "retire" };

export type Numbered = Request & { id: number };

/** What a request leads to. */
export interface Outcome {
  version?: string;
  error?: string;
}

export type Reply = (Outcome & { id: number }) | { log: string };

export function send(socket: Socket, message: Numbered | Reply): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

/** Calls for each line that arrives; what is not JSON ends the connection. */
export function onLines(socket: Socket, received: (message: unknown) => void): void {
  let parts: string[] = [];
  socket.setEncoding("utf8");
  socket.on("data", (data) => {
    const lines = String(data).split("\n");
    for (const [index, line] of lines.entries()) {
      parts.push(line);
      if (index === lines.length - 1) return;
      const text = parts.join("");
      parts = [];
      try {
        received(JSON.parse(text));
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
        return;
      }
    }
  });
}
