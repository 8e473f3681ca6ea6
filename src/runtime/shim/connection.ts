import { connect, type Socket } from "node:net";
import { connectionLost, errnoName, PlanFailure, ShimError } from "./errors.ts";
import {
  EVENT_EXIT,
  EVENT_OOM,
  HELLO_EVENTS,
  Message,
  MESSAGE_HEADER_BYTES,
  PROTOCOL_VERSION,
  REPLY_BIT,
  ReplyStatus,
  type MessageName,
} from "./protocol.ts";
import { PayloadReader, PayloadWriter } from "./wire.ts";

/** A process ended: PID 1 (`execId` empty) or an exec. */
export interface ExitEvent {
  readonly execId: string;
  readonly pid: number;
  readonly code: number;
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly oom: boolean;
}

/** For ATTACH: takes the socket in the same turn as the reply, with what came after it. */
export type TakeOver = (socket: Socket, rest: Buffer, reply: PayloadReader) => void;

interface Waiting {
  readonly resolve: (reply: PayloadReader) => void;
  readonly reject: (error: Error) => void;
  readonly takeOver: TakeOver | undefined;
}

/** One connection to a shim: requests with their replies, and exit events. */
export class ShimConnection {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #ended = false;
  onExit: (event: ExitEvent) => void = () => undefined;
  /** The container is out of memory: the kernel kills one of its processes, or lets it wait. */
  onOutOfMemory: () => void = () => undefined;
  /** Settles when the connection has ended, by whichever side. */
  readonly ended: Promise<void>;
  readonly #end: () => void;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#end = resolve;
    socket.on("data", this.#onData);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  /** @throws ShimError when nobody listens there, or the signal's reason. */
  static async open(path: string, signal?: AbortSignal): Promise<ShimConnection> {
    signal?.throwIfAborted();
    const socket = connect({ path });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal?.reason);
    const refused = (error: Error & { code?: string }) =>
      reject(new ShimError(error.code ?? "EIO", `connect to ${path}: ${error.message}`, { cause: error }));
    socket.once("connect", resolve);
    socket.once("error", refused);
    signal?.addEventListener("abort", abort);
    try {
      await promise;
    } catch (error) {
      socket.on("error", () => undefined);
      socket.destroy();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      socket.off("error", refused);
    }
    return new ShimConnection(socket);
  }

  /** Agrees on a version; the shim's pid. `events`: exits are announced on this connection. */
  async hello(events: boolean): Promise<{ version: number; pid: number }> {
    const payload = new PayloadWriter()
      .u32(PROTOCOL_VERSION)
      .u32(PROTOCOL_VERSION)
      .u32(events ? HELLO_EVENTS : 0);
    const reply = await this.request("hello", payload);
    return { version: reply.u32(), pid: reply.u32() };
  }

  /**
   * Sends a request and waits for its reply.
   * @throws PlanFailure, ShimError.
   */
  request(
    name: MessageName,
    payload: PayloadWriter = new PayloadWriter(),
    takeOver?: TakeOver,
  ): Promise<PayloadReader> {
    if (this.#ended) return Promise.reject(connectionLost());
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<PayloadReader>();
    this.#waiting.set(id, { resolve, reject, takeOver });
    this.#socket.write(payload.message(Message[name], id));
    return promise;
  }

  /** Ends the connection; the shim and its container go on. */
  close(): void {
    this.#socket.destroy();
    this.#fail();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    while (this.#receivedBytes >= MESSAGE_HEADER_BYTES) {
      const bytes = this.#joined();
      const length = bytes.readUInt32LE(0);
      const end = MESSAGE_HEADER_BYTES + length;
      if (bytes.length < end) return;
      const rest = bytes.subarray(end);
      this.#received = rest.length > 0 ? [rest] : [];
      this.#receivedBytes = rest.length;
      const payload = new PayloadReader(bytes.subarray(MESSAGE_HEADER_BYTES, end));
      const takeOver = this.#onMessage(bytes.readUInt16LE(4), bytes.readUInt32LE(8), payload);
      if (takeOver !== undefined) return this.#handOver(takeOver, rest, payload);
    }
  };

  #joined(): Buffer {
    const bytes = this.#received.length === 1 ? this.#received[0] : undefined;
    return bytes ?? Buffer.concat(this.#received);
  }

  /** Gives the function that takes the socket over, if this message was an attach's good reply. */
  #onMessage(type: number, id: number, payload: PayloadReader): TakeOver | undefined {
    if (type === EVENT_EXIT) {
      this.onExit({
        execId: payload.text(),
        pid: payload.u32(),
        code: payload.i32(),
        at: payload.u64(),
        oom: payload.u32() !== 0,
      });
      return undefined;
    }
    if (type === EVENT_OOM) {
      this.onOutOfMemory();
      return undefined;
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || (type & REPLY_BIT) === 0) return undefined;
    this.#waiting.delete(id);
    const status = payload.u32();
    if (status === ReplyStatus.ok) {
      waiting.resolve(payload);
      return waiting.takeOver;
    }
    if (status === ReplyStatus.planFailed) {
      waiting.reject(new PlanFailure(payload.u32(), payload.u32(), payload.u32(), payload.text()));
    } else {
      const errno = errnoName(payload.u32());
      waiting.reject(new ShimError(errno, `container supervisor: ${payload.text()}: ${errno}`));
    }
    return undefined;
  }

  #handOver(takeOver: TakeOver, rest: Buffer, reply: PayloadReader): void {
    this.#socket.off("data", this.#onData);
    this.#socket.off("error", this.#onError);
    this.#socket.off("close", this.#onClose);
    takeOver(this.#socket, rest, reply);
    this.#fail();
  }

  readonly #onError = (error: Error): void => this.#fail(error);
  readonly #onClose = (): void => this.#fail();

  #fail(cause?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiting of this.#waiting.values()) waiting.reject(connectionLost(cause));
    this.#waiting.clear();
    this.#end();
  }
}
