import type { EventMessage } from "../../api/index.ts";
import { jsonLines } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { string } from "../flags.ts";
import { goJson } from "../format.ts";
import { filterFlag, formatFlag } from "../shared-flags.ts";
import { encodeFilters } from "../targets.ts";
import { toTimestamp } from "../time-value.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: {
    filter: filterFlag,
    format: formatFlag,
    since: string("Begin with what happened at this time or in this span"),
    until: string("End with what happens at this time"),
  },
  async run(context, { flags }) {
    const render = await renderer(flags.format);
    const response = await (
      await context.client()
    ).request("GET", "/events", {
      query: {
        since: toTimestamp(flags.since),
        until: toTimestamp(flags.until),
        filters: encodeFilters(flags.filter),
      },
    });
    for await (const event of jsonLines<EventMessage>(response.body)) context.io.out(`${render(event)}\n`);
  },
});

async function renderer(format: string): Promise<(event: EventMessage) => string> {
  if (format === "") return plain;
  if (format === "json") return (event) => goJson(event);
  const { compileTemplate, Struct } = await import("../../template/index.ts");
  const telling = <T>(make: () => T): T => {
    try {
      return make();
    } catch (error) {
      throw new CliError(`Error parsing format: ${messageOf(error)}`, 64);
    }
  };
  const template = telling(() => compileTemplate(format.replaceAll("\\t", "\t").replaceAll("\\n", "\n")));
  return (event) => telling(() => template.execute(new Struct("*events.Message", fieldsOf(event), () => event)));
}

/** By the names of Docker's own type; three of them are only of images and containers. */
function fieldsOf(event: EventMessage & { status?: string; id?: string; from?: string }): Record<string, unknown> {
  const { status = "", id = "", from = "", Type = "", Action = "", Actor = {}, scope = "" } = event;
  return {
    Status: status,
    ID: id,
    From: from,
    Type,
    Action,
    Actor,
    Scope: scope,
    Time: BigInt(event.time ?? 0),
    TimeNano: BigInt(String(event.timeNano ?? 0)),
  };
}

/** `2026-11-30T02:04:58.720558354Z container start ID (image=…, name=…)`. */
function plain(event: EventMessage): string {
  const { Actor } = event;
  const attributes = Object.keys(Actor?.Attributes ?? {})
    .sort()
    .map((key) => `${key}=${Actor?.Attributes?.[key] ?? ""}`);
  const shown = attributes.length === 0 ? "" : ` (${attributes.join(", ")})`;
  return `${timeOf(event)} ${event.Type ?? ""} ${event.Action ?? ""} ${Actor?.ID ?? ""}${shown}`;
}

/** Local time with nine digits: those that the engine wrote, which are not the digits of the number nearest to them. */
function timeOf({ time = 0, timeNano = 0 }: EventMessage): string {
  const nanos = BigInt(String(timeNano)) - BigInt(time) * 1_000_000_000n;
  const date = new Date(time * 1000);
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const part = (value: number) => String(Math.trunc(Math.abs(value))).padStart(2, "0");
  const zone = offset === 0 ? "Z" : `${offset < 0 ? "-" : "+"}${part(offset / 60)}:${part(offset % 60)}`;
  return `${local}.${String(nanos > 0n ? nanos : 0n).padStart(9, "0")}${zone}`;
}
