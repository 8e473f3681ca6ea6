import type { Context } from "./command.ts";
import type { Filters } from "./flags.ts";

/** The filters of a prune: those that were given, and those of the configuration that do not say the opposite. */
export async function pruneFilters(context: Context, given: Filters): Promise<Filters> {
  const filters: Record<string, readonly string[]> = { ...given };
  for (const each of (await context.config()).pruneFilters ?? []) {
    const equals = each.indexOf("=");
    if (equals === -1) continue;
    const [name, value] = [each.slice(0, equals), each.slice(equals + 1)];
    const opposite = { label: "label!", "label!": "label" }[name];
    if (opposite !== undefined && (given[opposite] ?? []).includes(value)) continue;
    filters[name] = [...new Set([...(filters[name] ?? []), value])];
  }
  return filters;
}
