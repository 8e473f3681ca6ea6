import { asEngineError, type Logger } from "../../base/index.ts";
import { statusOfKind } from "../../api/index.ts";
import type { Session } from "../answer.ts";
import type { Exchange, HeaderFields } from "../http/index.ts";
import { STARTED } from "../start-preference.ts";
import { recordFrame, SESSION_STREAM } from "./frames.ts";
import { joinStdio, RawEnds, upgradeHead } from "./hijack.ts";
import { once, pump } from "./pump.ts";

/**
 * Makes the connection a session (docs/http.md): a record of what was made, its stdio while it is started and runs, framed
 * with a terminal as well, and a record of how it ended.
 */
export async function writeSession(
  exchange: Exchange,
  session: Session,
  fields: HeaderFields,
  logger: Logger,
): Promise<void> {
  const { stdio } = session;
  const connection = exchange.hijack(upgradeHead(SESSION_STREAM, { ...fields, ...STARTED }));
  const { output } = connection;
  output.write(recordFrame(session.made));
  const joined = joinStdio(new RawEnds(connection, false), stdio, exchange.signal, logger);
  joined.catch(() => undefined); // told where it is awaited
  try {
    await session.start();
  } catch (thrown) {
    await stdio[Symbol.asyncDispose]();
    await joined;
    const error = asEngineError(thrown);
    output.write(recordFrame({ Failure: { Status: statusOfKind(error.kind), Message: error.message } }));
    return;
  }
  output.write(recordFrame({ Started: true }));
  await joined;
  await pump(once(session.result()), output, exchange.signal, (record) => output.write(recordFrame(record)));
}
