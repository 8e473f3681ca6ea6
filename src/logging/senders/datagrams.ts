import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { close, write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { errnoOf } from "../../base/index.ts";
import { AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK, unixAddress } from "../../sys/index.ts";
import { DeliveryError } from "../errors.ts";
import type { LogRecord, LogSender, SenderCalls } from "../types.ts";

/** Where datagrams go, one a call. */
export interface Datagrams extends AsyncDisposable {
  /** @throws the system's error; the next call makes a new socket. */
  send(message: Uint8Array): Promise<void>;
}

/** Datagrams over UDP. A receiver that refuses them is noticed at the next one (ICMP). */
export function udpDatagrams(host: string, port: number): Datagrams {
  let socket: Socket | undefined;
  let disposed = false;
  const drop = () => {
    socket?.close();
    socket = undefined;
  };
  const open = async (): Promise<Socket> => {
    const { address, family } = await lookup(host);
    const made = createSocket(family === 6 ? "udp6" : "udp4");
    made.unref();
    let refused: Error | undefined;
    made.on("error", (error) => (refused = error));
    await new Promise<void>((resolve, reject) => {
      made.once("error", reject);
      made.connect(port, address, resolve);
    });
    if (disposed) made.close();
    if (refused !== undefined) throw refused;
    return made;
  };
  return {
    async send(message) {
      const used = (socket ??= await open());
      try {
        await new Promise<void>((resolve, reject) => {
          used.once("error", reject);
          used.send(message, (error) => {
            used.off("error", reject);
            if (error) reject(error);
            else resolve();
          });
        });
      } catch (error) {
        drop();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      drop();
    },
  };
}

/** A sender of datagrams, one or more for each record. */
export function datagramSender(
  datagrams: Datagrams,
  pieces: (record: LogRecord) => Promise<readonly Uint8Array[]> | readonly Uint8Array[],
): LogSender {
  return {
    send: async (records) => {
      let sent = 0;
      try {
        for (const record of records) {
          for (const piece of await pieces(record)) await datagrams.send(piece);
          sent++;
        }
      } catch (error) {
        throw new DeliveryError(error, { sent, refused: error instanceof DeliveryError ? error.refused : 0 });
      }
    },
    [Symbol.asyncDispose]: () => datagrams[Symbol.asyncDispose](),
  };
}

/**
 * Waits while the receiver's queue is full, without a thread of the pool waiting in the kernel.
 * @throws when it is told to stop meanwhile.
 */
async function writeAll(fd: number, message: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let wait = 1; ; wait = Math.min(wait * 2, 100)) {
    signal.throwIfAborted();
    try {
      await writeFd(fd, message);
      return;
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      await sleep(wait);
    }
  }
}

const writeFd = promisify(write);
const closeFd = promisify(close);

/** Datagrams to a Unix socket. @param path absolute. */
export function unixDatagrams(path: string, calls: SenderCalls): Datagrams {
  let fd: number | undefined;
  const stop = new AbortController();
  /** The number of a descriptor that is closed may be another one's at once. */
  let writing: Promise<void> | undefined;
  const drop = async () => {
    const old = fd;
    fd = undefined;
    if (old !== undefined) await closeFd(old);
  };
  const open = async (): Promise<number> => {
    const made = calls.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    try {
      calls.connect(made, unixAddress(path));
      return made;
    } catch (error) {
      await closeFd(made);
      throw error;
    }
  };
  return {
    async send(message) {
      fd ??= await open();
      try {
        await (writing = writeAll(fd, message, stop.signal));
      } catch (error) {
        await drop();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await writing?.catch(() => undefined); // its sender is told
      await drop();
    },
  };
}
