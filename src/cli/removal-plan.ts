import type { ContainerInspectResponse } from "../api/index.ts";
import type { Client } from "../client/index.ts";
import { CliError } from "./errors.ts";
import { pathOf, shortId } from "./targets.ts";
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
  return planRemoval(name, container, flags);
}

/** The same, of what is known of the container. */
export function planRemoval(
  name: string,
  { Id = "", Name = "", State, Mounts }: ContainerInspectResponse,
  flags: { force: boolean; link: boolean; volumes: boolean },
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
  const volumes = (Mounts ?? []).filter(
    ({ Type, Name: volume = "" }) => Type === "volume" && /^[0-9a-f]{64}$/.test(volume),
  );
  return [
    `Would ${isUp ? "kill and " : ""}remove ${shown}`,
    ...(flags.volumes ? volumes.map(({ Name: volume = "" }) => `Would remove volume ${volume}`) : []),
  ].join("\n");
}
