import { messageOf } from "../base/index.ts";
import type { Logger } from "../base/index.ts";
import type { Links } from "./links.ts";

interface Doomed {
  index: number;
  gone: () => void;
}

/** How long a namespace has to take its veth along: that costs the daemon nothing, where removing one waits 30 ms. */
const GRACE_MS = 100;

/** Sees to it that the host's ends of detached veths are gone, off the path of any answer. */
export class LinkReaper {
  readonly #links: Links;
  readonly #logger: Logger;
  #waiting: Doomed[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(links: Links, logger: Logger) {
    this.#links = links;
    this.#logger = logger;
  }

  /** @param gone called once the link is no more: its addresses rest until then. */
  add(index: number, gone: () => void): void {
    this.#waiting.push({ index, gone });
    this.#timer ??= setTimeout(() => void this.drain(), GRACE_MS).unref();
  }

  /** Removes what waits, without grace. Gives when everything added before is gone. */
  drain(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#running = this.#running.then(() => this.#removeAll(batch));
    return this.#running;
  }

  async #removeAll(batch: readonly Doomed[]): Promise<void> {
    for (const { index, gone } of batch) {
      try {
        if (await this.#links.exists(index)) await this.#links.remove(index);
        gone();
      } catch (error) {
        this.#logger.warn("a veth could not be removed", { index, error: messageOf(error) });
      }
    }
  }
}
