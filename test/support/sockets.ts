import { closeSync, readSync } from "node:fs";
import { join } from "node:path";
import { AF_UNIX, loadNative, SOCK_DGRAM, SOCK_STREAM } from "../../src/sys/index.ts";
import { ROOT } from "./engine.ts";
import { errnoOf } from "../../src/base/index.ts";

const native = loadNative(join(ROOT, "build/berth.node"));
const SOCK_NONBLOCK = 0o4000; // socket(2)

function boundSocket(path: string, type: number): number {
  const fd = native.socket(AF_UNIX, type, 0);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  native.bind(fd, Buffer.concat([family, Buffer.from(`${path}\0`)]));
  return fd;
}

/** A listening unix socket as a bare descriptor, as a service manager hands it over. */
export function listeningSocket(path: string): { fd: number } & Disposable {
  const fd = boundSocket(path, SOCK_STREAM);
  native.listen(fd, 64);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

/** Takes datagrams at a path, as a service manager (sd_notify(3)), the journal or a syslog daemon does. */
export class DatagramSocket implements Disposable {
  readonly #fd: number;
  readonly #received: string[] = [];

  constructor(path: string) {
    this.#fd = boundSocket(path, SOCK_DGRAM | SOCK_NONBLOCK);
  }

  /** Everything that came so far. */
  received(): string[] {
    const buffer = Buffer.alloc(64 * 1024);
    for (;;) {
      try {
        this.#received.push(buffer.toString("utf8", 0, readSync(this.#fd, buffer)));
      } catch (error) {
        if (errnoOf(error) === "EAGAIN") return this.#received;
        throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
