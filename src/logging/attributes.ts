import { hostname } from "node:os";
import { formatNanos, messageOf } from "../base/index.ts";
import { compileTemplate, HOSTILE_TEMPLATE_LIMITS, Struct } from "../template/index.ts";
import { cannotStart } from "./errors.ts";
import { pattern } from "./options.ts";
import type { LogSource } from "./types.ts";

const SHORT_ID = 12;

/** Labels and variables that the options `labels`, `labels-regex`, `env` and `env-regex` choose. */
export function chosenAttributes({ options, labels, env }: LogSource): Record<string, string> {
  const variables = Object.fromEntries(
    env.map((entry): [string, string] => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
  return {
    ...choose(labels, options["labels"], options["labels-regex"]),
    ...choose(variables, options["env"], options["env-regex"]),
  };
}

function choose(
  values: Readonly<Record<string, string>>,
  names: string | undefined,
  regex: string | undefined,
): Record<string, string> {
  const wanted = new Set((names ?? "").split(",").filter((name) => name !== ""));
  const like = pattern(regex);
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => wanted.has(name) || (like !== undefined && like.test(name))),
  );
}

/** `a=b,c=d` as `--details` shows it: sorted, each part as in a URL's query. */
export function detailsText(attributes: Readonly<Record<string, string>>): string {
  return Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${queryPart(key)}=${queryPart(value)}`)
    .join(",");
}

/** As Go's url.QueryEscape. */
function queryPart(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, "+");
}

/** The `tag` option's template, or the driver's own, about the container. @throws unknown with the template's fault. */
export function tagOf(source: LogSource, initial: string): string {
  const template = source.options["tag"] || initial;
  try {
    return compileTemplate(template, { ...HOSTILE_TEMPLATE_LIMITS, name: "log-tag" }).execute(tagData(source));
  } catch (error) {
    throw cannotStart(messageOf(error));
  }
}

/** What a tag template may name; the names are Docker's. */
function tagData(source: LogSource): Struct {
  const command = [source.entrypoint, ...source.args].join(" ").trim();
  return new Struct("*logger.Info", {
    ID: source.id.slice(0, SHORT_ID),
    FullID: source.id,
    Name: source.name,
    ImageID: shortImage(source.imageId),
    ImageFullID: source.imageId,
    ImageName: source.imageName,
    Command: command,
    Hostname: hostname(),
    DaemonName: "docker",
    ContainerID: source.id,
    ContainerName: `/${source.name}`,
    ContainerEntrypoint: source.entrypoint,
    ContainerArgs: [...source.args],
    ContainerImageID: source.imageId,
    ContainerImageName: source.imageName,
    ContainerEnv: [...source.env],
    ContainerCreated: `${formatNanos(source.createdAt).replace("T", " ").slice(0, -1)} +0000 UTC`,
    LogPath: source.logPath,
    ContainerLabels: { ...source.labels },
    Config: { ...source.options },
  });
}

function shortImage(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, SHORT_ID);
}
