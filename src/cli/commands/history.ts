import type { ImageHistoryResponseItem } from "../../api/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { bool, string } from "../flags.ts";
import { printRows, type View } from "../format.ts";
import { platformsJson } from "../platform.ts";
import { formatFlag, noTruncFlag } from "../shared-flags.ts";
import { ellipsis, imagePath, shortId } from "../targets.ts";
import { humanDuration, humanSize } from "../units.ts";

export default defineCommand({
  usage: "[OPTIONS] IMAGE",
  count: exactly(1),
  completes: "images",
  flags: {
    format: formatFlag,
    human: bool("Print sizes and dates for people", { short: "H", initial: true }),
    "no-trunc": noTruncFlag,
    platform: string("Show the variant of this platform (os[/arch[/variant]])"),
    quiet: bool("Print ids only", { short: "q" }),
  },
  async run(context, { flags, args: [name = ""] }) {
    const layers = await (
      await context.client()
    ).json<ImageHistoryResponseItem[]>("GET", imagePath(name, "/history"), {
      query: { platform: flags.platform === "" ? undefined : platformsJson([flags.platform]) },
    });
    await printRows(context.io, historyView(!flags["no-trunc"], flags.human), layers, {
      format: flags.format,
      quiet: flags.quiet,
    });
  },
});

function historyView(truncate: boolean, human: boolean): View<ImageHistoryResponseItem> {
  return {
    type: "*image.historyContext",
    columns: ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"],
    fields: {
      ID: { header: "IMAGE", value: ({ Id }) => (truncate ? shortId(Id) : Id) },
      CreatedAt: { header: "CREATED AT", value: ({ Created }) => rfc3339(Created) },
      CreatedSince: {
        header: human ? "CREATED" : "CREATED AT",
        value: ({ Created }) => {
          if (!human) return rfc3339(Created);
          return Created <= -62_135_596_800 ? "N/A" : `${humanDuration(Date.now() - Created * 1000)} ago`;
        },
      },
      CreatedBy: {
        header: "CREATED BY",
        value: ({ CreatedBy }) => {
          const oneLine = CreatedBy.replaceAll("\t", " ");
          return truncate ? ellipsis(oneLine, 45) : oneLine;
        },
      },
      Size: { header: "SIZE", value: ({ Size }) => (human ? humanSize(Size, 3) : String(Size)) },
      Comment: { header: "COMMENT", value: ({ Comment }) => Comment },
    },
  };
}

/** Seconds as RFC 3339 in the local zone. */
function rfc3339(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offset = -date.getTimezoneOffset();
  if (offset === 0) return `${date.toISOString().slice(0, 19)}Z`;
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const part = (value: number) => String(Math.trunc(Math.abs(value))).padStart(2, "0");
  return `${local}${offset < 0 ? "-" : "+"}${part(offset / 60)}:${part(offset % 60)}`;
}
