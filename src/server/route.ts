import type { BodyOf, CallContext, Operation, OperationName, Operations, QueryOf } from "../api/index.ts";
import type { RouteAnswer } from "./answer.ts";

/** A request whose parts have been read by the operation's row. */
export interface ApiCall<O extends Operation = Operation> {
  /** The part of the path that names a thing, decoded; empty when the path has none. */
  readonly ref: string;
  readonly query: QueryOf<O>;
  readonly body: BodyOf<O>;
  /** The body of an operation that streams it. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** True when there is a body to stream. */
  readonly hasStream: boolean;
  readonly headers: ReadonlyMap<string, string>;
  readonly context: CallContext;
}

export type Route<O extends Operation> = (call: ApiCall<O>) => Promise<RouteAnswer>;

/** The routes of some operations; a missing one does not compile. */
export type RoutesOf<N extends OperationName> = { readonly [K in N]: Route<Operations[K]> };
export type Routes = RoutesOf<OperationName>;
