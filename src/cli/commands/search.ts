import { authHeader } from "../registry-auth.ts";
import { defineCommand, exactly } from "../command.ts";
import { int } from "../flags.ts";
import { printRows } from "../format.ts";
import { filterFlag, formatFlag, noTruncFlag } from "../shared-flags.ts";
import { ellipsis, encodeFilters } from "../targets.ts";

interface Found {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
}

const AUTOMATED =
  'WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" will not yield any results in future.\n';

/** What comes before the first slash, when it looks like a host. */
function registryOf(term: string): string {
  const first = /^[^/]*(?=\/)/.exec(term)?.[0] ?? "";
  return /[.:]/.test(first) || first === "localhost" ? first : "docker.io";
}

export default defineCommand({
  usage: "[OPTIONS] TERM",
  count: exactly(1),
  flags: { filter: filterFlag, format: formatFlag, limit: int("Most results"), "no-trunc": noTruncFlag },
  async run(context, { flags, args: [term = ""] }) {
    if (flags.filter["is-automated"] !== undefined) context.io.err(AUTOMATED);
    const found = await (
      await context.client()
    ).json<Found[]>("GET", "/images/search", {
      query: { term, limit: flags.limit > 0 ? flags.limit : undefined, filters: encodeFilters(flags.filter) },
      headers: await authHeader(await context.config(), registryOf(term)),
    });
    const description = (text: string) => text.replaceAll("\n", " ").replaceAll("\r", " ");
    await printRows(
      context.io,
      {
        type: "*search.searchContext",
        columns: ["Name", "Description", "StarCount", "IsOfficial"],
        fields: {
          Name: { header: "NAME", value: (each: Found) => each.name },
          Description: {
            header: "DESCRIPTION",
            value: (each: Found) =>
              flags["no-trunc"] ? description(each.description) : ellipsis(description(each.description), 45),
          },
          StarCount: { header: "STARS", value: (each: Found) => String(each.star_count) },
          IsOfficial: {
            header: "OFFICIAL",
            value: (each: Found) => (each.is_official ? "[OK]" : ""),
            inJson: (each: Found) => String(each.is_official),
          },
        },
      },
      found,
      { format: flags.format },
    );
  },
});
