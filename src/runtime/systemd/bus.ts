import { connect, type Socket } from "node:net";
import { BusError } from "./errors.ts";
import { CALL, decodeMessage, encodeCall, ERROR, messageLength, RETURN, SIGNAL } from "./message.ts";
import type { Call, Message } from "./message.ts";
import { textOf, type Value } from "./wire.ts";

/** Milliseconds without an answer after which the manager is given up. */
const ANSWER_LIMIT_MS = 60_000;

/** Is given a signal's name, and what reads its arguments. */
type SignalHandler = (member: string, body: () => Value[]) => void;

interface Pending {
  resolve: (body: Value[]) => void;
  reject: (error: Error) => void;
}

/**
 * One connection to a D-Bus peer over its own socket, without a message bus between (systemd's `/run/systemd/private`).
 * Disposing it ends the connection; calls that wait then fail.
 */
export class Bus implements Disposable {
  readonly #socket: Socket;
  readonly #onSignal: SignalHandler;
  readonly #pending = new Map<number, Pending>();
  #serial = 0;
  #received = Buffer.alloc(0);
  #authenticated = false;
  #failure: Error | undefined;
  readonly #ended = Promise.withResolvers<Error>();
  /** Why the connection ended, once it has. */
  readonly ended: Promise<Error> = this.#ended.promise;

  private constructor(socket: Socket, onSignal: SignalHandler) {
    this.#socket = socket;
    this.#onSignal = onSignal;
    socket.setTimeout(ANSWER_LIMIT_MS, () => this.#end(new BusError("Timeout", "no answer")));
    socket.on("data", (data: Buffer) => this.#take(data));
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(new BusError("Disconnected", "the connection ended")));
  }

  /**
   * Connects and says who we are (D-Bus specification, "EXTERNAL"): the kernel tells the peer.
   * @param onSignal is given each signal.
   * @throws the socket's error when nobody listens.
   */
  static async connect(path: string, onSignal: SignalHandler): Promise<Bus> {
    const socket = connect({ path });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve);
    socket.once("error", reject);
    await promise;
    const bus = new Bus(socket, onSignal);
    const id = Buffer.from(String(process.getuid?.() ?? 0)).toString("hex");
    // Nothing is asked but what is always granted, so its answer need not be waited for.
    socket.write(`\0AUTH EXTERNAL ${id}\r\nBEGIN\r\n`);
    return bus;
  }

  [Symbol.dispose](): void {
    this.#end(new BusError("Disconnected", "the connection was closed"));
  }

  /** @returns what the method returns. @throws BusError with the peer's name of the error, or of the connection's end. */
  async call(call: Call): Promise<Value[]> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#serial += 1;
    const { promise, resolve, reject } = Promise.withResolvers<Value[]>();
    this.#pending.set(this.#serial, { resolve, reject });
    this.#socket.write(encodeCall(this.#serial, call));
    return await promise;
  }

  #take(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    try {
      if (!this.#authenticated && !this.#takeAnswer()) return;
      for (let length = messageLength(this.#received); length !== undefined; length = messageLength(this.#received)) {
        if (this.#received.length < length) return;
        const message = decodeMessage(this.#received.subarray(0, length));
        this.#received = this.#received.subarray(length);
        this.#dispatch(message);
      }
    } catch (error) {
      this.#end(error instanceof Error ? error : new BusError("Malformed", String(error)));
    }
  }

  /** The line that answers the authentication. */
  #takeAnswer(): boolean {
    const end = this.#received.indexOf("\r\n");
    if (end < 0) return false;
    const line = this.#received.subarray(0, end).toString();
    if (!line.startsWith("OK ")) throw new BusError("AuthFailed", `access was refused: ${line}`);
    this.#received = this.#received.subarray(end + 2);
    this.#authenticated = true;
    return true;
  }

  #dispatch({ kind, replyTo, member, errorName, body }: Message): void {
    if (kind === SIGNAL) return this.#onSignal(member ?? "", body);
    if (kind === CALL || replyTo === undefined) return; // nothing of ours can be called
    const waiting = this.#pending.get(replyTo);
    if (kind === RETURN) waiting?.resolve(body());
    if (kind === ERROR) {
      const [reason] = body();
      waiting?.reject(new BusError(errorName ?? "", reason === undefined ? (errorName ?? "") : textOf(reason)));
    }
    // Not before: an answer that cannot be read ends the connection, and the call that waits for it.
    this.#pending.delete(replyTo);
  }

  #end(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#socket.destroy();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#ended.resolve(error);
  }
}
