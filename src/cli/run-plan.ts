import type { ContainerSummary, NetworkSummary, VolumeListResponse } from "../api/index.ts";
import { type Client, ClientError } from "../client/index.ts";
import type { CreateBody } from "./container-config.ts";
import { CliError } from "./errors.ts";
import { familiarReference, parseImageName, withDefaultTag } from "./image-name.ts";
import { imagePath, shortId } from "./targets.ts";

export interface RunRequest {
  name: string;
  image: string;
  pull: string;
  detach: boolean;
  remove: boolean;
  body: CreateBody;
}

/** What of the engine decides how a run goes. */
export interface RunSurroundings {
  /** Undefined: the image is not there. */
  imageId: string | undefined;
  containers: readonly ContainerSummary[];
  networks: readonly NetworkSummary[];
  volumes: readonly string[];
}

/**
 * Says what `run` would do, and what it would ask the engine for. Nothing is changed: the engine is only asked what it has.
 * @throws CliError with the engine's text, and the code of `run`, for what would be refused.
 */
export async function describeRun(client: Client, request: RunRequest): Promise<string> {
  const [imageId, containers, networks, volumes] = await Promise.all([
    client.json<{ Id: string }>("GET", imagePath(request.image, "/json")).then(
      ({ Id }) => Id,
      (error: unknown) => {
        if (error instanceof ClientError && error.status === 404) return undefined;
        throw error;
      },
    ),
    client.json<ContainerSummary[]>("GET", "/containers/json", { query: { all: true } }),
    client.json<NetworkSummary[]>("GET", "/networks"),
    client.json<VolumeListResponse>("GET", "/volumes"),
  ]);
  const names = (volumes.Volumes ?? []).map(({ Name }) => Name);
  return planRun(request, { imageId, containers, networks, volumes: names });
}

/** The same, of what is known. */
export function planRun(request: RunRequest, known: RunSurroundings): string {
  const { name, image, body } = request;
  const holder = known.containers.find(({ Names }) => name !== "" && (Names ?? []).includes(`/${name}`));
  if (holder !== undefined)
    throw refused(
      `Conflict. The container name "/${name}" is already in use by container "${holder.Id ?? ""}". ` +
        "You have to remove (or rename) that container to be able to reuse that name.",
    );
  if (known.imageId === undefined && request.pull === "never") throw refused(`No such image: ${shown(image)}`);
  const missing = networksOf(body).find((network) => !isKnown(known, network));
  if (missing !== undefined) throw refused(`network ${missing} not found`);
  const here = known.imageId === undefined ? "" : ` (${shortId(known.imageId)})`;
  const lines = [
    ...(known.imageId === undefined
      ? [`pull ${shown(image)}, which is not here`]
      : request.pull === "always"
        ? [`pull ${shown(image)}`]
        : []),
    ...volumesOf(body)
      .filter((volume) => !known.volumes.includes(volume))
      .map((volume) => `create volume ${volume}`),
    `create container ${name === "" ? "with a name of the engine's" : name} from ${image}${here}:`,
    ...JSON.stringify(withoutDefaults(body) ?? {}, undefined, 2)
      .split("\n")
      .map((line) => `  ${line}`),
    request.detach ? "start it" : "attach to it, start it and wait for its end",
    ...(request.remove ? ["remove it when it has ended"] : []),
  ];
  return `Would:\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
}

function refused(text: string): CliError {
  return new CliError(`Would fail: Error response from daemon: ${text}`, 125);
}

function shown(image: string): string {
  return familiarReference(withDefaultTag(parseImageName(image)));
}

/** Own networks that the container is to be on; modes of the engine are none. */
function networksOf({ HostConfig, NetworkingConfig }: CreateBody): string[] {
  const mode = HostConfig.NetworkMode ?? "";
  const named = [...Object.keys(NetworkingConfig.EndpointsConfig ?? {}), mode];
  return [...new Set(named)].filter((each) => !/^(?:|default|bridge|host|none|container:.*)$/.test(each));
}

function isKnown({ networks }: RunSurroundings, name: string): boolean {
  return networks.some(({ Name, Id = "" }) => Name === name || (name.length >= 4 && Id.startsWith(name)));
}

/** Volumes by name; paths are no volumes. */
function volumesOf({ HostConfig }: CreateBody): string[] {
  const binds = (HostConfig.Binds ?? []).map((bind) => bind.slice(0, bind.indexOf(":")));
  const mounts = (HostConfig.Mounts ?? []).filter(({ Type }) => Type === "volume").map(({ Source }) => Source ?? "");
  return [...new Set([...binds, ...mounts])].filter((name) => name !== "" && !name.startsWith("/"));
}

/** What the engine would take for granted is left out. */
function withoutDefaults(value: unknown): unknown {
  if (value === null || value === "" || value === 0 || value === false) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value;
  if (typeof value !== "object") return value;
  const kept = Object.entries(value).flatMap(([key, member]) => {
    const cleaned: unknown = isEmptyObject(member) ? undefined : withoutDefaults(member);
    return cleaned === undefined ? [] : [[key, cleaned] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
