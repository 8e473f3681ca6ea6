import { ShimConnection } from "./connection.ts";

/** Milliseconds for which a connection is kept that nobody takes. */
const KEPT = 10_000;

/**
 * A connection to a shim for what turns it into a stream, attach and exec.
 * Hello is sent ahead and not waited for: what is asked for next says as well when nobody is there.
 * @throws ShimError when nobody listens there, or the signal's reason.
 */
export async function openStream(path: string, signal?: AbortSignal): Promise<ShimConnection> {
  const connection = await ShimConnection.open(path, signal);
  connection.hello(false).catch(() => undefined);
  return connection;
}

/** A connection made ahead for the next exec: a container in which one ran sees more of them. */
export class SpareConnection {
  readonly #path: string;
  #ready: ShimConnection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #opening = false;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** The connection that waits, if there is one. It belongs to the caller then. */
  take(): ShimConnection | undefined {
    const connection = this.#ready;
    this.#ready = undefined;
    clearTimeout(this.#timer);
    return connection;
  }

  /** Sees to it that one waits, for a while. That it cannot be had matters to nobody. */
  provide(): void {
    if (this.#closed || this.#opening || this.#ready !== undefined) return;
    this.#opening = true;
    void openStream(this.#path)
      .then(
        (connection) => this.#keep(connection),
        () => undefined,
      )
      .finally(() => (this.#opening = false));
  }

  /** Lets go of what waits; one that is being made goes as well. */
  close(): void {
    this.#closed = true;
    this.take()?.close();
  }

  #keep(connection: ShimConnection): void {
    if (this.#closed) return connection.close();
    this.#ready = connection;
    this.#timer = setTimeout(() => this.take()?.close(), KEPT);
    this.#timer.unref();
    void connection.ended.then(() => {
      if (this.#ready === connection) this.take();
    });
  }
}
