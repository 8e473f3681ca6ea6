import { closeSync, writeSync } from "node:fs";
import { AF_UNIX, SOCK_DGRAM, type Native } from "../sys/index.ts";

/**
 * Tells the service manager about this process (sd_notify(3)); nothing happens when there is none or it does not listen.
 * @param state such as `READY=1`.
 */
export function notifyManager(state: string, native: Native, path = process.env["NOTIFY_SOCKET"]): void {
  if (path === undefined || path === "") return;
  const socket = native.socket(AF_UNIX, SOCK_DGRAM, 0);
  try {
    native.connect(socket, unixAddress(path));
    writeSync(socket, state);
  } catch {
    // A manager that went away is no reason to stop.
  } finally {
    closeSync(socket);
  }
}

/** struct sockaddr_un; `@` stands for the abstract namespace (unix(7)). */
function unixAddress(path: string): Uint8Array {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return path.startsWith("@")
    ? Buffer.concat([family, Buffer.from(`\0${path.slice(1)}`)])
    : Buffer.concat([family, Buffer.from(`${path}\0`)]);
}
