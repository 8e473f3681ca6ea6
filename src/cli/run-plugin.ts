import { configDirectory, contextName, DEFAULT_HOST, environmentHost, readConfigFile } from "../client/index.ts";

import type { GlobalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import { findPlugin, pluginFolders } from "./plugins.ts";

/**
 * Becomes the plugin of a name, which gets the whole command line, as from Docker's command; with this process goes all
 * that would have to be passed on: signals, the terminal, the exit code.
 * @returns only when there is no such plugin.
 */
export async function becomePlugin(name: string, argv: readonly string[], flags: GlobalFlags, io: Io): Promise<void> {
  const directory = configDirectory(flags.config, io.env);
  const { config } = await readConfigFile(directory);
  const plugin = await findPlugin(pluginFolders(directory, config), name);
  if (plugin === undefined) return;
  await io.flush();
  const settings = { hosts: flags.host, context: flags.context, config, env: io.env };
  // Plugins that want to call the command again
  const env = { ...io.env, ...engineOf(settings), DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: process.execPath };
  process.execve?.(plugin.path, [plugin.path, ...argv], env);
}

/** Plugins know flags and contexts, but not that the engine is berth's when nothing is said. */
export function engineOf(settings: Pick<Parameters<typeof contextName>[0], "hosts" | "context" | "config" | "env">): {
  DOCKER_HOST?: string;
} {
  if (settings.hosts.length > 0 || contextName(settings) !== "default") return {};
  return { DOCKER_HOST: environmentHost(settings.env) ?? DEFAULT_HOST };
}
