import { ClientError } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool } from "../flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "NETWORK [NETWORK...]",
  count: atLeast(1),
  completes: "networks",
  flags: { force: bool("Be content when the network is not there", { short: "f" }) },
  async run(context, { flags, args }) {
    const client = await context.client();
    let failed = false;
    for (const name of args) {
      try {
        await client.send("DELETE", `/networks${pathOf(name)}`);
        context.io.out(`${name}\n`);
      } catch (error) {
        if (flags.force && error instanceof ClientError && error.status === 404) continue;
        context.io.err(`${messageOf(error)}\n`);
        failed = true;
      }
    }
    if (failed) throw new CliError("exit status 1");
  },
});
