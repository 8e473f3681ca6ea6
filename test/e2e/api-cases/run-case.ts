import { apiCall, type Answer } from "../../support/api.ts";
import type { ApiCase, ApiOutcome } from "./types.ts";

/** Sends a case's requests in order and gives what is compared of each answer. */
export async function runApiCase(each: ApiCase, socket: string): Promise<ApiOutcome[]> {
  const prefix = `api-${each.name.replaceAll("/", "-")}`;
  const outcomes: ApiOutcome[] = [];
  for (const { method, path, body, text, headers } of each.steps) {
    const fill = (part: string) => part.replaceAll("{name}", prefix);
    const sent = text ?? (body === undefined ? undefined : (JSON.parse(fill(JSON.stringify(body))) as unknown));
    outcomes.push(
      outcomeOf(await apiCall(socket, method, encodeURI(fill(path)).replaceAll("%25", "%"), sent, headers), prefix),
    );
  }
  return outcomes;
}

function outcomeOf(answer: Answer, prefix: string): ApiOutcome {
  const { status, json } = answer;
  if (typeof json === "object" && json !== null && "message" in json && typeof json.message === "string") {
    return { status, message: clean(json.message, prefix) };
  }
  if (json === undefined)
    return answer.text === "" ? { status } : { status, message: clean(answer.text.slice(0, 200), prefix) };
  return { status, shape: [...new Set(shapeOf(json, ""))].sort() };
}

function clean(text: string, prefix: string): string {
  return text
    .replaceAll(prefix, "{name}")
    .replace(/\b[0-9a-f]{64}\b/g, "<id>")
    .replace(/\bavailable: 0(-\d+)?/g, "available: <cpus>")
    .replace(/\bto \d+\.\d\d, as there are only \d+ CPUs/g, "to <n>, as there are only <n> CPUs")
    .trim();
}

/** `path:type` of each member; items of a list share one path, members of maps with free keys (labels, ports) too. */
function shapeOf(value: unknown, path: string): string[] {
  if (value === null) return [`${path}:null`];
  if (Array.isArray(value)) return [`${path}:list`, ...value.flatMap((item) => shapeOf(item, `${path}[]`))];
  if (typeof value !== "object") return [`${path}:${typeof value}`];
  const free =
    /(Labels|Options|ExposedPorts|Ports|Networks|Containers|Details|Config\.Volumes|Runtimes|IndexConfigs|stats|networks|DriverOpts|Annotations|Data)$/.test(
      path,
    );
  return [
    `${path}:object`,
    ...Object.entries(value).flatMap(([key, member]) => shapeOf(member, free ? `${path}.*` : `${path}.${key}`)),
  ];
}
