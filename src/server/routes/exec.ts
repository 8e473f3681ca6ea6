import { asEngineError, invalid } from "../../base/index.ts";
import { type CallContext, type ExecBackend, type ExecStartBody, hasSince, type StdioStream } from "../../api/index.ts";
import { empty, json } from "../answer.ts";
import type { RoutesOf } from "../route.ts";
import { STARTED, startPreference } from "../start-preference.ts";
import { LastWords } from "../streams/last-words.ts";

type ExecRoutes = RoutesOf<"containerExec" | "execStart" | "execResize" | "execInspect">;

export function execRoutes(backend: ExecBackend): ExecRoutes {
  /** Gives nothing for a detached process. Docker hijacks before it starts one: why it could not is told on the stream. */
  const start = async (id: string, body: ExecStartBody, context: CallContext): Promise<StdioStream | undefined> => {
    const detach = body.Detach === true;
    const consoleSize = hasSince(context.apiVersion, "1.42") ? consoleSizeOf(body) : undefined;
    try {
      return await backend.start(id, { detach, tty: body.Tty, consoleSize }, context);
    } catch (thrown) {
      const error = asEngineError(thrown);
      if (detach || error.kind === "not-found" || error.kind === "conflict") throw error;
      return new LastWords(`${error.message}\r\n`, body.Tty === true);
    }
  };
  return {
    containerExec: async ({ ref, body, headers, context }) => {
      if ((body.Cmd ?? []).length === 0) throw invalid("No exec command specified");
      const made = await backend.create(ref, body);
      const preference = startPreference(headers);
      if (preference === undefined) return json(made, 201);
      const stdio = await start(made.Id, { ...body, Detach: !preference.attached }, context);
      if (stdio === undefined) return json(made, 201, STARTED);
      const result = async () => ({ StatusCode: (await backend.inspect(made.Id)).ExitCode ?? 0 });
      return { kind: "session", session: { made, stdio, start: async () => undefined, result } };
    },
    execStart: async ({ ref, body, context }) => {
      const stdio = await start(ref, body, context);
      return stdio === undefined ? empty(200) : { kind: "stdio", stdio };
    },
    execResize: async ({ ref, query }) => {
      await backend.resize(ref, { height: query.h, width: query.w });
      return empty(200);
    },
    execInspect: async ({ ref }) => json(await backend.inspect(ref)),
  };
}

/** The terminal's size, which means nothing without a terminal. */
function consoleSizeOf(body: ExecStartBody): { height: number; width: number } | undefined {
  const [height, width] = body.ConsoleSize ?? [];
  if (body.Tty !== true || height === undefined || width === undefined) return undefined;
  return { height, width };
}
