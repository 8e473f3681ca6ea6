import type { Socket } from "node:net";
import type { Timers } from "./timers.ts";

/**
 * Notices that half-closed clients have gone. After a client ended its input no event tells of its death until something is
 * written to it, which for a silent container may be never; but the socket loses its handle, and that can be looked at.
 */
export class Presence {
  readonly #timers: Timers;
  readonly #everyMs: number;
  readonly #watched = new Map<Socket, () => void>();
  #timer: Disposable | undefined;

  constructor(timers: Timers, everyMs: number) {
    this.#timers = timers;
    this.#everyMs = everyMs;
  }

  /** Calls `gone` once when the socket turns out to be without a peer. */
  watch(socket: Socket, gone: () => void): void {
    this.#watched.set(socket, gone);
    this.#timer ??= this.#timers.every(this.#everyMs, () => this.#look());
  }

  forget(socket: Socket): void {
    if (!this.#watched.delete(socket) || this.#watched.size > 0) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #look(): void {
    for (const [socket, gone] of this.#watched) {
      // `pending` is true of a socket without a handle: one not connected yet, or no more.
      if (!socket.destroyed && !socket.pending) continue;
      this.forget(socket);
      gone();
    }
  }
}
