import { asEngineError, invalid } from "../../base/index.ts";
import { type ExecBackend, type ExecStartBody, hasSince } from "../../api/index.ts";
import { empty, json } from "../answer.ts";
import type { RoutesOf } from "../route.ts";

type ExecRoutes = RoutesOf<"containerExec" | "execStart" | "execResize" | "execInspect">;

export function execRoutes(backend: ExecBackend): ExecRoutes {
  return {
    containerExec: async ({ ref, body }) => {
      if ((body.Cmd ?? []).length === 0) throw invalid("No exec command specified");
      return json(await backend.create(ref, body), 201);
    },
    execStart: async ({ ref, body, context }) => {
      const detach = body.Detach === true;
      const consoleSize = hasSince(context.apiVersion, "1.42") ? consoleSizeOf(body) : undefined;
      try {
        const stdio = await backend.start(ref, { detach, tty: body.Tty, consoleSize }, context);
        return stdio === undefined ? empty(200) : { kind: "stdio", stdio };
      } catch (thrown) {
        const error = asEngineError(thrown);
        // Docker hijacks before the process is started: why it could not be is told on the stream.
        if (detach || error.kind === "not-found" || error.kind === "conflict") throw error;
        return { kind: "last-words", tty: body.Tty === true, text: `${error.message}\r\n` };
      }
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
