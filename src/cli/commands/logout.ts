import { updateConfigFile } from "../../client/index.ts";
import { atMost, defineCommand } from "../command.ts";
import { runHelper } from "../credentials.ts";
import { messageOf } from "../errors.ts";
import { authKey, HUB_KEY } from "../registry-auth.ts";

export default defineCommand({
  usage: "[SERVER]",
  description: "Sign out of a registry.\nWithout a server it is Docker Hub.",
  count: atMost(1),
  flags: {},
  async run(context, { args: [server] }) {
    const host = server?.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
    const key = host === undefined ? HUB_KEY : authKey(host);
    context.io.out(`Removing login credentials for ${host ?? HUB_KEY}\n`);
    const config = await context.config();
    const helper = config.credHelpers?.[key] ?? config.credsStore;
    if (helper !== undefined && helper !== "") {
      try {
        await runHelper(helper, "erase", key);
      } catch (error) {
        context.io.err(`WARNING: could not erase credentials:\n${key}: ${messageOf(error)}\n`);
      }
    }
    if (config.auths?.[key] === undefined) return;
    await updateConfigFile(context.configDirectory, (before) => {
      const auths = { ...before.auths };
      delete auths[key];
      return { ...before, auths };
    });
  },
});
