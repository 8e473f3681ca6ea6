import type { ContainerConfig } from "../../api/index.ts";
import { conflict, errnoOf, invalid, formatNanos, nowNanos } from "../../base/index.ts";
import type { Task } from "../../runtime/index.ts";
import { announce } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { freeze } from "../lifecycle/pause.ts";
import type { ContainerDependencies } from "../types.ts";
import { committedConfig } from "./committed-config.ts";

export interface CommitOptions {
  repo: string | undefined;
  tag: string | undefined;
  comment: string | undefined;
  author: string | undefined;
  pause: boolean;
  changes: string[];
  config: ContainerConfig | undefined;
}

/** `docker commit`: the container's changes as a layer over its image, with its config. */
export async function commit(
  entry: ContainerEntry,
  options: CommitOptions,
  signal: AbortSignal,
  needs: Pick<ContainerDependencies, "images" | "snapshotter" | "events">,
): Promise<{ Id: string }> {
  if (entry.state.phase.kind === "dead") throw conflict(`You cannot commit container ${entry.id} which is Dead`);
  if (entry.removing) throw conflict(`You cannot commit container ${entry.id} which is being removed`);
  const { record } = entry;
  if (options.repo && options.tag && !/^\w[\w.-]{0,127}$/.test(options.tag)) throw invalid("invalid tag format");
  const run =
    options.pause && entry.state.phase.kind === "running" && !entry.state.phase.paused ? entry.run : undefined;
  const parent = await needs.images.get(record.image.id);
  const created = formatNanos(nowNanos());
  const reference = options.repo ? `${options.repo}${options.tag ? `:${options.tag}` : ""}` : undefined;
  if (run !== undefined) await freezeUnlessEnded(entry.id, run.task);
  try {
    const image = await needs.images.create({
      config: {
        architecture: parent?.config.architecture ?? "",
        os: parent?.config.os ?? "linux",
        ...(parent?.config.variant ? { variant: parent.config.variant } : {}),
        created,
        ...(options.author ? { author: options.author } : {}),
        config: committedConfig(record.config, options),
        rootfs: { type: "layers", diff_ids: [] },
        history: [
          ...(parent?.config.history ?? []),
          {
            created,
            created_by: [record.path, ...record.args].join(" "),
            ...(options.author ? { author: options.author } : {}),
            ...(options.comment ? { comment: options.comment } : {}),
          },
        ],
        container: record.id,
      },
      parent: parent?.id,
      layer: needs.snapshotter.diff(record.id, signal),
      reference,
    });
    announce(needs.events, record, "commit", {
      comment: options.comment ?? "",
      imageID: image.id,
      ...(reference === undefined ? {} : { imageRef: reference }),
    });
    return { Id: image.id };
  } finally {
    await run?.task.resume();
  }
}

/** Who has ended meanwhile, and its cgroup with it, changes nothing any more. */
async function freezeUnlessEnded(id: string, task: Pick<Task, "pause">): Promise<void> {
  try {
    await freeze(id, task);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    if (errnoOf(cause) !== "ENOENT" && errnoOf(cause) !== "ENODEV") throw error;
  }
}
