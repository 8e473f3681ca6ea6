import type { MountSpec, RuntimeSpec } from "../../spec/index.ts";

/** The spec as another runtime reads it from `config.json`: without what only berth's own knows. */
export function toConfigJson(spec: RuntimeSpec, rootPath: string): string {
  return JSON.stringify({
    ...spec,
    root: { ...spec.root, path: rootPath },
    mounts: spec.mounts.map(withoutExtensions),
  });
}

function withoutExtensions({ beneath: _beneath, layers: _layers, ...mount }: MountSpec): MountSpec {
  return mount;
}
