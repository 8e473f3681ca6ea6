import type { NetworkSummary } from "../../api/index.ts";
import { defineCommand, none } from "../command.ts";
import { bool } from "../flags.ts";
import { printRows, type View } from "../format.ts";
import { filterFlag, formatFlag, noTruncFlag, warnQuietFormat } from "../shared-flags.ts";
import { encodeFilters, shortId } from "../targets.ts";
import { joinLabels } from "./ps.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: {
    filter: filterFlag,
    format: formatFlag,
    "no-trunc": noTruncFlag,
    quiet: bool("Print ids only", { short: "q" }),
  },
  async run(context, { flags }) {
    warnQuietFormat(flags.format, flags.quiet, (text) => context.io.err(text));
    const client = await context.client();
    const found = await client.json<NetworkSummary[]>("GET", "/networks", {
      query: { filters: encodeFilters(flags.filter) },
    });
    const networks = [...found].sort((left, right) => ((left.Name ?? "") < (right.Name ?? "") ? -1 : 1));
    const format = flags.format || (flags.quiet ? "" : ((await context.config()).networksFormat ?? ""));
    await printRows(context.io, networkView(!flags["no-trunc"]), networks, { format, quiet: flags.quiet });
  },
});

function networkView(truncate: boolean): View<NetworkSummary> {
  return {
    type: "*network.networkContext",
    raw: "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
    labels: (network) => network.Labels,
    columns: ["ID", "Name", "Driver", "Scope"],
    fields: {
      ID: { header: "NETWORK ID", value: ({ Id = "" }) => (truncate ? shortId(Id) : Id) },
      Name: { header: "NAME", value: ({ Name }) => Name },
      Driver: { header: "DRIVER", value: ({ Driver }) => Driver },
      Scope: { header: "SCOPE", value: ({ Scope }) => Scope },
      IPv4: { header: "IPV4", value: ({ EnableIPv4 }) => String(EnableIPv4 ?? false) },
      IPv6: { header: "IPV6", value: ({ EnableIPv6 }) => String(EnableIPv6 ?? false) },
      Internal: { header: "INTERNAL", value: ({ Internal }) => String(Internal ?? false) },
      Labels: { header: "LABELS", value: ({ Labels }) => joinLabels(Labels) },
      CreatedAt: { header: "CREATED AT", value: ({ Created = "" }) => goTime(Created) },
    },
  };
}

/** RFC 3339 as Go prints a time (`2026-11-30 01:32:37.12 +0000 UTC`). */
function goTime(text: string): string {
  const match = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2}(?:\.\d+)?)(Z|([+-]\d{2}):(\d{2}))$/.exec(text);
  if (match === null) return text;
  const [, date = "", time = "", zone = "", hours = "+00", minutes = "00"] = match;
  const offset = `${hours}${minutes}`;
  return `${date} ${time} ${offset} ${zone === "Z" ? "UTC" : offset}`;
}
