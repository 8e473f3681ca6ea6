import {
  type BodyName,
  hasSince,
  invalidJson,
  type Operation,
  type OperationName,
  operations,
  type PendingOperation,
  readBody,
  statusOfKind,
} from "../api/index.ts";
import { asEngineError, invalid, isKind, type Logger, messageOf } from "../base/index.ts";
import { type Exchange, HttpFault, type HeaderFields, type RequestHead } from "./http/index.ts";
import type { ApiCall, Route, Routes } from "./route.ts";
import { Router } from "./router.ts";
import { parseQuery, parseTarget, type Target, versionOf } from "./target.ts";
import type { UnknownFields } from "./unknown-fields.ts";
import { type AnswerContext, writeAnswer } from "./write-answer.ts";

/** Sees every JSON body that the API answers with; for tests. */
export type ResponseObserver = (operation: OperationName, status: number, body: unknown) => void;

export interface DispatcherOptions {
  readonly routes: Routes;
  /** Docker's own headers, which every answer carries. */
  readonly fields: HeaderFields;
  readonly logger: Logger;
  readonly unknownFields: UnknownFields;
  readonly observer?: ResponseObserver;
}

/** From a request to its operation, and from what that gives or throws to a response. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #router = new Router();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Answers one request, unless `guard` throws. Never throws. */
  async handle(exchange: Exchange, guard?: (head: RequestHead) => void): Promise<void> {
    try {
      guard?.(exchange.head);
      await this.#answer(exchange);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { head, response } = exchange;
    this.#options.logger.debug("request", { method: head.method, path: head.target });
    if (head.method === "OPTIONS") return response.send(200, this.#options.fields);
    const target = parseTarget(head.target);
    const match = this.#router.find(head.method, target.path);
    if (match === undefined) return sendError(exchange, 404, {}, "page not found");
    if (isBelowJsonErrors(target)) return this.#refuseOldVersion(exchange, target);
    const version = versionOf(target);
    const query = parseQuery(target.query);
    if (match.destination.kind === "pending") return this.#refusePending(exchange, match.destination.row);
    const { name } = match.destination;
    const row: Operation = operations[name];
    const call: ApiCall = {
      ref: match.ref,
      query: this.#readQuery(name, row, query, version),
      body: await this.#readBody(exchange, name, row),
      stream: exchange.body,
      hasStream: !exchange.body.done,
      headers: head.headers,
      context: { signal: exchange.signal, apiVersion: version },
    };
    const context: AnswerContext = {
      exchange,
      version,
      fields: this.#options.fields,
      logger: this.#options.logger,
      observe: (status, body) => this.#options.observer?.(name, status, body),
    };
    // Each route is typed by its row, and the call was read by that same row.
    const route = this.#options.routes[name] as unknown as Route<Operation>;
    await writeAnswer(context, await route(call));
  }

  #readQuery(
    name: OperationName,
    row: Operation,
    given: Map<string, string[]>,
    version: readonly [number, number],
  ): ApiCall["query"] {
    const values: Record<string, unknown> = {};
    for (const key in row.query) {
      const param = row.query[key];
      if (param === undefined) continue;
      const spoken = param.since === undefined || hasSince(version, param.since);
      values[key] = param.read(spoken ? given.get(key) : undefined, key, values);
    }
    if (given.size > 0) {
      const unknown = [...given.keys()].filter((key) => !Object.hasOwn(row.query, key));
      if (unknown.length > 0) this.#options.unknownFields.note(name, "query", unknown);
    }
    return values;
  }

  async #readBody(exchange: Exchange, name: OperationName, row: Operation): Promise<ApiCall["body"]> {
    if (row.body.kind !== "json") return undefined;
    const bytes = await this.#bodyBytes(exchange, row.body.required);
    const checked = readBody<BodyName>(row.body.name, bytes.length === 0 ? "{}" : bytes.toString("utf8"));
    if (checked.unknown.length > 0) this.#options.unknownFields.note(name, "body", checked.unknown);
    return checked.value as unknown as ApiCall["body"]; // checked against the shape that the row names
  }

  async #bodyBytes(exchange: Exchange, required: boolean): Promise<Buffer> {
    if (exchange.body.done) {
      if (required) throw invalidJson("got EOF while reading request body");
      return Buffer.alloc(0);
    }
    checkContentType(exchange.head.headers.get("content-type") ?? "");
    const bytes = await exchange.wholeBody();
    if (required && bytes.length === 0) throw invalidJson("got EOF while reading request body");
    return bytes;
  }

  #refusePending(exchange: Exchange, row: PendingOperation): void {
    sendError(exchange, statusOfKind(row.refusal.kind), this.#options.fields, row.refusal.message);
  }

  /** Clients of those versions read errors as plain text. */
  #refuseOldVersion(exchange: Exchange, target: Target): void {
    try {
      versionOf(target);
    } catch (error) {
      const fields = { ...this.#options.fields, "Content-Type": "text/plain; charset=utf-8" };
      exchange.response.send(400, fields, `${messageOf(error)}\n`);
    }
  }

  #fail(exchange: Exchange, thrown: unknown): void {
    const { response, head } = exchange;
    const error = thrown instanceof HttpFault ? thrown : asEngineError(thrown);
    const status = error instanceof HttpFault ? error.status : statusOfKind(error.kind);
    this.#log(exchange, status, error);
    if (!response.fresh) return response.cutOff();
    if (thrown instanceof HttpFault) response.closeAfter();
    if (status === 304) return response.send(304, this.#options.fields);
    sendError(exchange, status, this.#options.fields, error.message === "" ? head.target : error.message);
  }

  #log(exchange: Exchange, status: number, error: Error): void {
    const { method, target } = exchange.head;
    const fields = { method, path: target.split("?", 1)[0], status, error: error.message };
    // A failed write may tell of its going before the signal does.
    const left = exchange.signal.aborted || isKind(error, "cancelled");
    if (left) this.#options.logger.debug("request was given up by its client", fields);
    else if (status >= 500) this.#options.logger.error("request failed", fields);
    else this.#options.logger.debug("request was refused", fields);
  }
}

function sendError(exchange: Exchange, status: number, fields: HeaderFields, message: string): void {
  const body = `${JSON.stringify({ message })}\n`;
  exchange.response.send(status, { ...fields, "Content-Type": "application/json" }, body);
}

function isBelowJsonErrors(target: Target): boolean {
  if (target.version === undefined) return false;
  const [major = 0, minor = 0] = target.version.split(".").map(Number);
  return major < 1 || (major === 1 && minor < 24);
}

function checkContentType(text: string): void {
  const type = text.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "" || type === undefined) throw invalid(`malformed Content-Type header (${text}): mime: no media type`);
  if (type !== "application/json") {
    throw invalid(`unsupported Content-Type header (${text}): must be 'application/json'`);
  }
}
