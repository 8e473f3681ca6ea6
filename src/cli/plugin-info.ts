import type { Struct } from "../template/index.ts";
import type { Plugin } from "./plugins.ts";

/** As Docker's command has plugins in JSON. */
export function described({ name, path, metadata, fault, shadowed }: Plugin): Record<string, unknown> {
  return {
    ...metadata,
    Name: name,
    Path: path,
    ...(fault === undefined ? {} : { Err: fault }),
    ...(shadowed.length === 0 ? {} : { ShadowedPaths: shadowed }),
  };
}

/** As Docker's type has them, where a template asks: there is nothing that is not. */
export function pluginStruct(struct: typeof Struct, plugin: Plugin): Struct {
  const { metadata, fault, shadowed } = plugin;
  const members = {
    SchemaVersion: "",
    Vendor: "",
    Version: "",
    ShortDescription: "",
    URL: "",
    Hidden: false,
    ...metadata,
    Name: plugin.name,
    Path: plugin.path,
    Err: fault ?? struct.nil,
    ShadowedPaths: shadowed,
  };
  return new struct("manager.Plugin", members, () => described(plugin));
}

/** The usable ones, below `Client:`. */
export function pluginLines(plugins: readonly Plugin[]): string {
  if (plugins.length === 0) return "";
  const lines = plugins.flatMap(({ name, path, metadata: { ShortDescription, Vendor, Version = "" }, fault }) =>
    fault !== undefined
      ? []
      : [
          `  ${name}: ${ShortDescription ?? ""} (${Vendor ?? ""})`,
          ...(Version === "" ? [] : [`    Version:  ${Version}`]),
          `    Path:     ${path}`,
        ],
  );
  return ` Plugins:\n${lines.map((line) => `${line}\n`).join("")}`;
}
