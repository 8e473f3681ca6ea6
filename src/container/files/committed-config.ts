import type { ContainerConfig } from "../../api/index.ts";
import { applyChanges } from "../../image/index.ts";
import type { ImageRunConfig } from "../../spec/index.ts";
import { mergeConfig } from "../create/merge-config.ts";
import type { CommitOptions } from "./commit.ts";

/** Of a commit: the change instructions over the request's config, over the container's. */
export function committedConfig(
  container: ContainerConfig,
  options: Pick<CommitOptions, "changes" | "config">,
): ImageRunConfig {
  const base = runConfig(container);
  const asked = options.config === undefined ? base : runConfig(mergeConfig(options.config, base));
  const changed = applyChanges(asked, options.changes);
  if ((changed.Entrypoint ?? []).length > 0) return changed;
  // As Docker, which merges the container's into what the changes left: an emptied entry point is the container's again.
  const { Entrypoint: _, ...rest } = changed;
  return {
    ...((changed.Cmd ?? []).length > 0 ? rest : { ...rest, Cmd: base.Cmd ?? null }),
    ...(base.Entrypoint ? { Entrypoint: base.Entrypoint } : {}),
  };
}

/** The members that an image's config has. */
function runConfig(config: ContainerConfig): ImageRunConfig {
  const { User, Env, Labels, WorkingDir, Entrypoint, Cmd, StopSignal, Shell, OnBuild, Healthcheck } = config;
  return {
    ...(User ? { User } : {}),
    ...(Object.keys(config.ExposedPorts ?? {}).length > 0
      ? { ExposedPorts: emptyValues(config.ExposedPorts ?? {}) }
      : {}),
    Env: Env ?? [],
    ...(Entrypoint?.length ? { Entrypoint } : {}),
    ...(Cmd?.length ? { Cmd } : {}),
    ...(Object.keys(config.Volumes ?? {}).length > 0 ? { Volumes: emptyValues(config.Volumes ?? {}) } : {}),
    ...(WorkingDir ? { WorkingDir } : {}),
    Labels: Labels ?? {},
    ...(StopSignal ? { StopSignal } : {}),
    ...(Shell?.length ? { Shell } : {}),
    ...(OnBuild?.length ? { OnBuild } : {}),
    ...(Healthcheck ? { Healthcheck } : {}),
  };
}

function emptyValues(names: Record<string, unknown>): Record<string, Record<string, never>> {
  return Object.fromEntries(Object.keys(names).map((name) => [name, {}]));
}
