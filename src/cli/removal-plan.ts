import type { ContainerInspectResponse, ContainerSummary, Volume } from "../api/index.ts";
import type { Client } from "../client/index.ts";
import { CliError } from "./errors.ts";
import { encodeFilters, pathOf, shortId } from "./targets.ts";
import { PROGRAM } from "./version.ts";

/** The engine's refusal to remove a container that runs, and what to type instead. */
export function explained(refusal: string, name: string): string {
  const stop = refusal.includes("is paused") ? `${PROGRAM} unpause ${name} && ${PROGRAM} stop` : `${PROGRAM} stop`;
  return (
    `${refusal}\nHint: end it in its own time with \`${stop} ${name}\`, then remove it; ` +
    `or kill and remove it at once with \`${PROGRAM} rm -f ${name}\``
  );
}

/**
 * Says what `rm` would do with one container; the engine is only asked what it has.
 * @throws CliError with the engine's text for what would be refused.
 */
export async function describeRemoval(
  client: Client,
  name: string,
  flags: { force: boolean; link: boolean; volumes: boolean },
): Promise<string> {
  const bare = name.replace(/^\/+|\/+$/g, "");
  if (bare === "") throw new CliError("container name cannot be empty");
  const container = await client.json<ContainerInspectResponse>("GET", `/containers${pathOf(bare)}/json`);
  const volumes = flags.volumes && !flags.link ? await goingVolumes(client, container) : [];
  return planRemoval(name, container, volumes, flags);
}

/** What marks a volume as anonymous; its name does not: anybody may name one with 64 hexadecimal digits. */
const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

/** Volumes that go with the container: anonymous ones that it did not ask for by name and no other container uses. */
async function goingVolumes(client: Client, container: ContainerInspectResponse): Promise<string[]> {
  const { Binds, Mounts } = container.HostConfig ?? {};
  const named = new Set([
    ...(Binds ?? []).map((bind) => bind.split(":")[0]),
    ...(Mounts ?? []).map(({ Source }) => Source),
  ]);
  const going: string[] = [];
  for (const { Type, Name = "" } of container.Mounts ?? []) {
    if (Type !== "volume" || named.has(Name) || going.includes(Name)) continue;
    const { Labels } = await client.json<Volume>("GET", `/volumes${pathOf(Name)}`);
    if (Labels === null || Labels === undefined || !Object.hasOwn(Labels, ANONYMOUS_LABEL)) continue;
    const query = { all: true, filters: encodeFilters({ volume: [Name] }) };
    const users = await client.json<ContainerSummary[]>("GET", "/containers/json", { query });
    if (users.every(({ Id }) => Id === container.Id)) going.push(Name);
  }
  return going;
}

/** The same, of what is known of the container. @param volumes those that would go with it. */
export function planRemoval(
  name: string,
  { Id = "", Name = "", State }: ContainerInspectResponse,
  volumes: readonly string[],
  flags: { force: boolean; link: boolean },
): string {
  if (flags.link) return `Would remove the link ${name}`;
  const state = State?.Paused === true ? "paused" : State?.Restarting === true ? "restarting" : "running";
  const isUp = State?.Running === true;
  if (isUp && !flags.force) {
    const why =
      state === "paused"
        ? "container is paused and must be unpaused first"
        : `container is ${state}: stop the container before removing or force remove`;
    const refusal = `Would fail: Error response from daemon: cannot remove container "${name}": ${why}`;
    throw new CliError(explained(refusal, name));
  }
  const shown = `container ${Name.replace(/^\//, "")} (${shortId(Id)})`;
  return [
    `Would ${isUp ? "kill and " : ""}remove ${shown}`,
    ...volumes.map((volume) => `Would remove volume ${volume}`),
  ].join("\n");
}
