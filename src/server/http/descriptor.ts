import type { Socket } from "node:net";
import { closeSync } from "node:fs";
import { F_DUPFD_CLOEXEC, type Native, SHUT_RDWR } from "../../sys/index.ts";

export type DescriptorCalls = Pick<Native, "fcntl" | "shutdown">;

/** A descriptor of a connection, for another thread. It stays good when the connection's own is closed meanwhile. */
export interface Descriptor {
  readonly fd: number;
  /** Ends the connection in both directions, which wakes who waits for it. */
  cut(): void;
  close(): void;
}

/** Undefined where bytes are not what goes over the socket (TLS), and when it has none any more. */
export function descriptorOf(socket: Socket, native: DescriptorCalls): Descriptor | undefined {
  const own = handleOf(socket)?.fd;
  if ("encrypted" in socket || socket.destroyed || typeof own !== "number" || own < 0) return undefined;
  const fd = native.fcntl(own, F_DUPFD_CLOEXEC, 3);
  let open = true;
  return {
    fd,
    cut: () => {
      if (open) shutDown(native, fd);
    },
    close: () => {
      open = false;
      closeSync(fd);
    },
  };
}

/** Keeps the runtime from reading the socket, also once it is asked for more by its own stream. */
export function stopReading(socket: Socket): void {
  socket.pause();
  // A stream that has asked for more does not ask again until that has come: no later turn starts the handle anew. What it
  // holds of before comes out as "data".
  while (socket.read(socket.readableLength) !== null && socket.readableLength > 0);
  handleOf(socket)?.pause?.();
}

interface Handle {
  readonly fd?: unknown;
  pause?(): void;
}

function handleOf(socket: Socket): Handle | undefined {
  // No public property has a socket's descriptor; node's and Bun's handles have it by this name.
  return (socket as { _handle?: Handle | null })._handle ?? undefined;
}

function shutDown(native: DescriptorCalls, fd: number): void {
  try {
    native.shutdown(fd, SHUT_RDWR);
  } catch {
    // The client has shut it down: nobody waits any more.
  }
}
