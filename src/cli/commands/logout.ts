import { type ConfigFile, updateConfigFile } from "../../client/index.ts";
import { atMost, type Context, defineCommand } from "../command.ts";
import { helperOf, hostOf, readHelped, runHelper } from "../credentials.ts";
import { messageOf } from "../errors.ts";
import { authKey, HUB_KEY } from "../registry-auth.ts";

export default defineCommand({
  usage: "[SERVER]",
  description: "Sign out of a registry.\nWithout a server it is Docker Hub.",
  count: atMost(1),
  flags: {},
  async run(context, { args: [server] }) {
    const config = await context.config();
    if (server === undefined) await warnOfHelper(context, config);
    context.io.out(`Removing login credentials for ${server === undefined ? HUB_KEY : hostOf(server)}\n`);
    const keys = server === undefined ? [HUB_KEY] : keysOf(server);
    const failures: string[] = [];
    for (const key of keys) {
      const helper = helperOf(config, key);
      if (helper === undefined) continue;
      try {
        await runHelper(helper, "erase", key);
      } catch (error) {
        failures.push(`${key}: ${messageOf(error)}\n`);
      }
    }
    // One of the names may be known to a helper that has nothing under the others
    if (failures.length === keys.length) {
      context.io.err(`WARNING: could not erase credentials:\n${failures.join("")}`);
    }
    if (!keys.some((key) => config.auths?.[key] !== undefined)) return;
    await updateConfigFile(context.configDirectory, (before) => {
      const auths = { ...before.auths };
      for (const key of keys) delete auths[key];
      return { ...before, auths };
    });
  },
});

/** A registry's credentials may have been stored under any of its names. */
function keysOf(server: string): string[] {
  const host = hostOf(server);
  return [...new Set([server, authKey(host), host, `http://${host}`, `https://${host}`])];
}

/** Docker's command asks for the Hub's credentials first, and tells when it gets no answer. */
async function warnOfHelper({ io }: Context, config: ConfigFile): Promise<void> {
  const helper = helperOf(config, HUB_KEY);
  if (helper === undefined) return;
  try {
    await readHelped(helper, HUB_KEY);
  } catch (error) {
    io.err(`WARNING: ${messageOf(error)}\n`);
  }
}
