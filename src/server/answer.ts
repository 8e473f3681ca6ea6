import type { LogStream, StdioStream } from "../api/index.ts";
import type { HeaderFields } from "./http/index.ts";

/** What was made, its stdio and its end on one connection: the answer to `Prefer: start` (docs/http.md). */
export interface Session {
  /** What the operation would have answered with. */
  readonly made: unknown;
  readonly stdio: StdioStream;
  /** Starts what was made, unless it runs already. */
  start(): Promise<void>;
  /** How it ended; asked for once the output has ended. */
  result(): Promise<unknown>;
}

/** What a route gives back; `write-answer.ts` turns it into HTTP. */
export type RouteAnswer =
  | { readonly kind: "empty"; readonly status: number; readonly fields?: HeaderFields }
  | { readonly kind: "text"; readonly text: string; readonly fields?: HeaderFields }
  | { readonly kind: "json"; readonly status: number; readonly body: unknown; readonly fields?: HeaderFields }
  /** Headers at once, the body when the promise resolves. */
  | { readonly kind: "later"; readonly body: Promise<unknown> }
  /** One JSON object a line. */
  | { readonly kind: "lines"; readonly items: AsyncIterable<unknown> }
  /** Progress messages: an error before the first is a status, a later one a message. */
  | { readonly kind: "progress"; readonly items: AsyncIterable<unknown> }
  | {
      readonly kind: "bytes";
      readonly contentType: string;
      readonly body: AsyncIterable<Uint8Array>;
      readonly fields?: HeaderFields;
    }
  | { readonly kind: "frames"; readonly log: LogStream }
  | { readonly kind: "stdio"; readonly stdio: StdioStream }
  | { readonly kind: "session"; readonly session: Session }
  /** The same over a WebSocket, once its handshake was found good. */
  | { readonly kind: "websocket"; readonly open: () => Promise<StdioStream> }
  /** Docker's refusal of an attach: text, on a connection that is not HTTP any more. */
  | { readonly kind: "raw-refusal"; readonly status: number; readonly text: string };

export const empty = (status: number, fields?: HeaderFields): RouteAnswer => ({
  kind: "empty",
  status,
  ...(fields === undefined ? {} : { fields }),
});

export const json = (body: unknown, status = 200, fields: HeaderFields = {}): RouteAnswer => ({
  kind: "json",
  status,
  body,
  fields,
});
