import type { BodyName, BodyTypes } from "./bodies.ts";
import type { QueryParam } from "./query.ts";
import type { ApiVersionText } from "./version.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** What the request carries after its head. */
export type RequestBody =
  | { readonly kind: "none" }
  /** Bytes that are streamed, such as a tar. */
  | { readonly kind: "bytes" }
  /** `required`: an empty body is an error; else it counts as `{}`. */
  | { readonly kind: "json"; readonly name: BodyName; readonly required: boolean };

/** What a success carries. `type` names the shape in the reference. */
export type Answer =
  | { readonly kind: "empty" }
  | { readonly kind: "text" }
  | { readonly kind: "json"; readonly type: string }
  | { readonly kind: "json-lines"; readonly type: string }
  | { readonly kind: "progress" }
  | { readonly kind: "tar" }
  | { readonly kind: "frames" }
  | { readonly kind: "hijack" };

/** One operation of the Engine API, declared once: routing, parsing, the client, the reference derive from it. */
export interface Operation {
  readonly method: Method;
  /** With `{name}` for what may be any text, slashes included. */
  readonly path: string;
  /** A second path that old clients use. */
  readonly alias?: string;
  readonly since: ApiVersionText;
  readonly query: Readonly<Record<string, QueryParam<unknown>>>;
  readonly body: RequestBody;
  readonly success: readonly number[];
  readonly answer: Answer;
}

/** Keeps each row's exact type, so that handlers and the client are typed by it. */
export function defineOperations<const T extends Readonly<Record<string, Operation>>>(rows: T): T {
  return rows;
}

export const none = { kind: "none" } as const;
export const bytes = { kind: "bytes" } as const;
export const empty = { kind: "empty" } as const;

export function body<const N extends BodyName>(name: N): { kind: "json"; name: N; required: false } {
  return { kind: "json", name, required: false };
}

export function requiredBody<const N extends BodyName>(name: N): { kind: "json"; name: N; required: true } {
  return { kind: "json", name, required: true };
}

export function json<const T extends string>(type: T): { kind: "json"; type: T } {
  return { kind: "json", type };
}

/** The values of an operation's query, by name. */
export type QueryOf<O extends Operation> = {
  readonly [K in keyof O["query"]]: O["query"][K] extends QueryParam<infer T> ? T : never;
};

/** The parsed body of an operation. */
export type BodyOf<O extends Operation> = O["body"] extends { kind: "json"; name: infer N extends BodyName }
  ? BodyTypes[N]
  : undefined;
