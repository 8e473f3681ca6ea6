import type { Family, Sample } from "./types.ts";

/** What `metricsText` gives, for the Content-Type of an answer. */
export const TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Families as Prometheus's text format 0.0.4, by name. */
export async function metricsText(families: readonly Family[]): Promise<string> {
  const sorted = [...families].sort((one, other) => (one.name < other.name ? -1 : 1));
  const parts = await Promise.all(sorted.map(familyText));
  return parts.join("");
}

async function familyText(family: Family): Promise<string> {
  const { name, help, type } = family;
  let text = `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n# TYPE ${name} ${type}\n`;
  for (const { suffix = "", labels = {}, value } of await family.samples()) {
    text += `${name}${suffix}${labelsText(labels)} ${value}\n`;
  }
  return text;
}

function labelsText(labels: NonNullable<Sample["labels"]>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}
