import type { Volume, VolumeListResponse } from "../../api/index.ts";
import { defineCommand, none } from "../command.ts";
import { bool } from "../flags.ts";
import { printRows, type View } from "../format.ts";
import { filterFlag, formatFlag, warnQuietFormat } from "../shared-flags.ts";
import { encodeFilters } from "../targets.ts";
import { humanSize } from "../units.ts";
import { joinLabels } from "./ps.ts";

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: { filter: filterFlag, format: formatFlag, quiet: bool("Print names only", { short: "q" }) },
  async run(context, { flags }) {
    warnQuietFormat(flags.format, flags.quiet, (text) => context.io.err(text));
    const client = await context.client();
    const { Volumes } = await client.json<VolumeListResponse>("GET", "/volumes", {
      query: { filters: encodeFilters(flags.filter) },
    });
    const volumes = [...(Volumes ?? [])].sort((left, right) => (left.Name < right.Name ? -1 : 1));
    const format = flags.format || (flags.quiet ? "" : ((await context.config()).volumesFormat ?? ""));
    await printRows(context.io, volumeView, volumes, { format, quiet: flags.quiet, quietField: "Name" });
  },
});

export const volumeView: View<Volume> = {
  type: "*formatter.volumeContext",
  raw: "name: {{.Name}}\ndriver: {{.Driver}}\n",
  labels: (volume) => volume.Labels,
  columns: ["Driver", "Name"],
  fields: {
    Name: { header: "VOLUME NAME", value: ({ Name }) => Name },
    Driver: { header: "DRIVER", value: ({ Driver }) => Driver },
    Scope: { header: "SCOPE", value: ({ Scope }) => Scope },
    Mountpoint: { header: "MOUNTPOINT", value: ({ Mountpoint }) => Mountpoint },
    Labels: { header: "LABELS", value: ({ Labels }) => joinLabels(Labels) },
    Links: {
      header: "LINKS",
      value: ({ UsageData }) => (UsageData === undefined || UsageData === null ? "N/A" : String(UsageData.RefCount)),
    },
    Size: {
      header: "SIZE",
      value: ({ UsageData }) => (UsageData === undefined || UsageData === null ? "N/A" : humanSize(UsageData.Size)),
    },
    Group: { header: "GROUP", value: () => "N/A" },
    Availability: { header: "AVAILABILITY", value: () => "N/A" },
    Status: { header: "STATUS", value: () => "N/A" },
  },
};
