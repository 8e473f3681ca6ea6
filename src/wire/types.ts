import type { FramingState } from "./body-framing.ts";

/**
 * Loans of connections: the thread that works with a request's body reads it from the client's socket itself, and the one
 * that makes an answer writes it there, instead of sending each piece through the thread that serves all clients. A loan is
 * an offer: where it cannot be had (TLS, a client that has gone), the bytes go the ordinary way.
 */

/** The key of a stream that may be lent. */
export const LEND: unique symbol = Symbol("lend");
/** The key of bytes whose source can send them by itself. */
export const SEND_REST: unique symbol = Symbol("send rest");

export interface LendableInput extends AsyncIterable<Uint8Array> {
  /** Nobody may read the stream until the loan was given back. Undefined when it cannot be lent. */
  [LEND](): InputLoan | undefined;
}

/** What a thread needs to know to read on. It may cross threads. */
export interface LentInput {
  /** A descriptor of the socket. It does not block, and is the lender's to close. */
  readonly fd: number;
  readonly framing: FramingState;
  /** What was read from the socket before and belongs in front. */
  readonly ahead: Uint8Array;
}

/** How far a lent stream was read. */
export interface InputLeft {
  readonly framing: FramingState;
  /** Read from the socket, but not used. */
  readonly rest: Uint8Array;
}

export interface InputLoan {
  readonly lent: LentInput;
  /** Ends the loan. Undefined when nobody knows how far it was read: the connection is good for nothing any more. */
  giveBack(left: InputLeft | undefined): void;
}

/** Takes a loan of the stream where it offers one. */
export function borrow(source: AsyncIterable<Uint8Array>): InputLoan | undefined {
  return isLendable(source) ? source[LEND]() : undefined;
}

function isLendable(source: AsyncIterable<Uint8Array>): source is LendableInput {
  return LEND in source;
}

/** A connection that takes bytes until the loan is given back. It may cross threads. */
export interface LentOutput {
  /** A descriptor of the socket. It does not block, and is the lender's to close. */
  readonly fd: number;
  /** Pieces are framed as HTTP's chunks; the lender sends the last one. */
  readonly chunked: boolean;
}

export interface OutputLoan {
  readonly lent: LentOutput;
  /** Wakes who waits for the client: the connection is over in both directions. */
  cut(): void;
  giveBack(): void;
}

export interface SendableBytes extends AsyncIterable<Uint8Array> {
  /**
   * Sends all but the first piece, which was read; nothing is read meanwhile or afterwards. False when it cannot: then they
   * are read on. @throws what reading on would have thrown. How much was sent is not known then.
   */
  [SEND_REST](loan: OutputLoan): Promise<boolean>;
}

export function isSendable(bytes: AsyncIterable<Uint8Array>): bytes is SendableBytes {
  return SEND_REST in bytes;
}

/** The bytes of a generator that gives the pieces of `source`, and ends with it; what the source sends it need not give. */
export function sendable(
  pieces: AsyncGenerator<Uint8Array>,
  source: () => AsyncIterable<Uint8Array> | undefined,
): SendableBytes {
  return {
    [Symbol.asyncIterator]: () => pieces,
    [SEND_REST]: async (loan) => {
      const from = source();
      if (from === undefined || !isSendable(from)) return false;
      let untouched = false;
      try {
        untouched = !(await from[SEND_REST](loan));
        return !untouched;
      } finally {
        if (!untouched) await pieces.return(undefined);
      }
    },
  };
}
