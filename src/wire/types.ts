import type { FramingState } from "./body-framing.ts";

/**
 * Loans of connections: the thread that works with a request's body reads it from the client's socket itself, and the one
 * that makes an answer writes it there, instead of sending each piece through the thread that serves all clients. A loan is
 * an offer: where it cannot be had (TLS, a client that has gone), the bytes go the ordinary way.
 */

/** The key of a stream that may be lent. */
export const LEND: unique symbol = Symbol("lend");

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
  /** Wakes who waits for the client: the connection is over in both directions. */
  cut(): void;
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
