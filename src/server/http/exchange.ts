import type { RequestBody } from "./request-body.ts";
import type { RequestHead } from "./head.ts";
import type { Responder } from "./responder.ts";
import type { SocketReader } from "./socket-reader.ts";
import type { SocketWriter } from "./socket-writer.ts";
import type { Timers } from "./timers.ts";

/** One request and the way to answer it. */
export interface Exchange {
  readonly head: RequestHead;
  readonly body: RequestBody;
  readonly response: Responder;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  readonly timers: Timers;
  /** The body at once, within the limits of size and time. @throws HttpFault 413 when it is too long. */
  wholeBody(): Promise<Buffer>;
  /**
   * Sends `head` and makes the connection a plain pair of streams. From here on the client's end of input is no longer taken
   * for its going away.
   */
  hijack(head: string): Hijacked;
}

/** A connection that is no longer HTTP. Whoever hijacked it ends `output`; the connection closes when the handler returns. */
export interface Hijacked {
  readonly input: SocketReader;
  readonly output: SocketWriter;
}

export type ExchangeHandler = (exchange: Exchange) => Promise<void>;
