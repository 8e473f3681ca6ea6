import { type ApiVersion, hasSince, type LogStream, type StdioStream } from "../api/index.ts";
import { isSendable, SEND_REST } from "../wire/index.ts";
import { asEngineError, isKind, type Logger, messageOf } from "../base/index.ts";
import type { RouteAnswer } from "./answer.ts";
import type { Exchange, HeaderFields } from "./http/index.ts";
import { errorFrame, MULTIPLEXED_STREAM, RAW_STREAM } from "./streams/frames.ts";
import { hijackHead, joinStdio, RawEnds } from "./streams/hijack.ts";
import { once, pump } from "./streams/pump.ts";
import { writeSession } from "./streams/session.ts";
import { WebSocketEnds, websocketHead } from "./streams/websocket.ts";

const JSON_TYPE = "application/json";

/** What writing an answer needs to know of its request. */
export interface AnswerContext {
  readonly exchange: Exchange;
  readonly version: ApiVersion;
  /** Docker's own headers, which every answer carries. */
  readonly fields: HeaderFields;
  readonly logger: Logger;
  /** Sees every JSON body that leaves. */
  observe(status: number, body: unknown): void;
}

/**
 * Turns a route's answer into HTTP.
 * @throws what the answer's source throws while nothing was sent, so that it can still become a status.
 */
export async function writeAnswer(context: AnswerContext, answer: RouteAnswer): Promise<void> {
  const { exchange, fields } = context;
  const { response } = exchange;
  switch (answer.kind) {
    case "empty":
      return response.send(answer.status, { ...fields, ...answer.fields });
    case "text":
      return response.send(
        200,
        { ...fields, ...answer.fields, "Content-Type": "text/plain; charset=utf-8" },
        answer.text,
      );
    case "json":
      context.observe(answer.status, answer.body);
      return response.send(
        answer.status,
        { ...fields, ...answer.fields, "Content-Type": JSON_TYPE },
        `${JSON.stringify(answer.body)}\n`,
      );
    case "later":
      return await writeLater(context, answer.body);
    case "lines":
      return await writeLines(context, answer.items);
    case "progress":
      return await writeProgress(context, answer.items);
    case "bytes":
      return await writeBytes(context, answer.contentType, answer.body, answer.fields);
    case "frames":
      return await writeFrames(context, answer.log);
    case "stdio":
      return await writeStdio(context, answer.stdio);
    case "session":
      context.observe(201, answer.session.made);
      return await writeSession(exchange, answer.session, fields, context.logger);
    case "websocket":
      return await writeWebSocket(context, answer.open);
    case "raw-refusal":
      return refuseRaw(exchange, answer.status, answer.text);
  }
}

async function writeLater(context: AnswerContext, promise: Promise<unknown>): Promise<void> {
  const { exchange, fields } = context;
  const { response, signal } = exchange;
  // Its failure is told where it is awaited; a client that has gone already leaves it to nobody.
  promise.catch(() => undefined);
  response.begin(200, { ...fields, "Content-Type": JSON_TYPE });
  await pump(once(promise), response, signal, (body) => {
    context.observe(200, body);
    response.write(`${JSON.stringify(body)}\n`);
  });
  response.finish();
}

async function writeLines(context: AnswerContext, items: AsyncIterable<unknown>): Promise<void> {
  const { response, signal } = context.exchange;
  response.begin(200, { ...context.fields, "Content-Type": JSON_TYPE });
  await pump(items, response, signal, (item) => {
    context.observe(200, item);
    response.write(`${JSON.stringify(item)}\n`);
  });
  response.finish();
}

async function writeProgress(context: AnswerContext, items: AsyncIterable<unknown>): Promise<void> {
  const { response, signal } = context.exchange;
  const begin = (): void => {
    if (response.fresh) response.begin(200, { ...context.fields, "Content-Type": JSON_TYPE });
  };
  const write = (item: unknown): void => {
    begin();
    response.write(`${JSON.stringify(item)}\r\n`);
  };
  try {
    await pump(items, response, signal, write);
  } catch (error) {
    if (response.fresh || isKind(error, "cancelled")) throw error;
    const { message } = asEngineError(error);
    write({ errorDetail: { message }, error: message });
  }
  begin();
  response.finish();
}

async function writeBytes(
  context: AnswerContext,
  contentType: string,
  body: AsyncIterable<Uint8Array>,
  fields: HeaderFields = {},
): Promise<void> {
  const { response, signal } = context.exchange;
  response.begin(200, { ...context.fields, ...fields, "Content-Type": contentType });
  const takeOver = async (): Promise<boolean> => {
    const loan = isSendable(body) ? await response.lend() : undefined;
    if (loan === undefined || !isSendable(body)) return false;
    try {
      return await body[SEND_REST](loan);
    } finally {
      loan.giveBack();
    }
  };
  await pump(body, response, signal, (data) => response.write(data), takeOver);
  response.finish();
}

async function writeFrames(context: AnswerContext, log: LogStream): Promise<void> {
  await using held = log;
  const { response, signal } = context.exchange;
  const framed = !held.tty && hasSince(context.version, "1.42");
  response.begin(200, { ...context.fields, "Content-Type": framed ? MULTIPLEXED_STREAM : RAW_STREAM });
  const write = (data: Uint8Array): void => response.write(data);
  try {
    await pump(held.output, response, signal, write);
  } catch (error) {
    if (isKind(error, "cancelled") || held.tty) throw error;
    write(errorFrame(messageOf(error)));
  }
  response.finish();
}

async function writeStdio(context: AnswerContext, stdio: StdioStream): Promise<void> {
  const { exchange, version, fields, logger } = context;
  const connection = exchange.hijack(hijackHead(exchange, stdio.tty, version, fields));
  await joinStdio(new RawEnds(connection, stdio.tty), stdio, exchange.signal, logger);
}

/** The handshake is looked at first, so that nothing is attached for a request that is none. */
async function writeWebSocket(context: AnswerContext, open: () => Promise<StdioStream>): Promise<void> {
  const { exchange, version, fields, logger } = context;
  const head = websocketHead(exchange, fields);
  const stdio = await open();
  const ends = new WebSocketEnds(exchange.hijack(head), hasSince(version, "1.28"));
  await joinStdio(ends, stdio, exchange.signal, logger);
}

function refuseRaw(exchange: Exchange, status: number, text: string): void {
  exchange.response.closeAfter();
  exchange.response.send(status, { "Content-Type": RAW_STREAM }, `${text}\r\n`);
}
