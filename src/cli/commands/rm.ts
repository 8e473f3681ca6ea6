import { ClientError } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { bool } from "../flags.ts";
import { forEachTarget, pathOf } from "../targets.ts";
import { dryRunFlag } from "../shared-flags.ts";
import { describeRemoval, explained } from "../removal-plan.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "containers",
  flags: {
    "dry-run": dryRunFlag,
    force: bool("Kill and remove what still runs", { short: "f" }),
    link: bool("Remove the link of that name, not the container", { short: "l" }),
    volumes: bool("Remove the container's anonymous volumes with it", { short: "v" }),
  },
  async run(context, { flags, args }) {
    if (flags["dry-run"]) {
      await forEachTarget(context, args, async (client, name) => await describeRemoval(client, name, flags));
      return;
    }
    await forEachTarget(context, args, async (client, name) => {
      const bare = name.replace(/^\/+|\/+$/g, "");
      if (bare === "") throw new CliError("container name cannot be empty");
      try {
        await client.send("DELETE", `/containers${pathOf(bare)}`, {
          query: { force: flags.force, link: flags.link, v: flags.volumes },
        });
      } catch (error) {
        if (
          !flags.force &&
          error instanceof ClientError &&
          error.status === 409 &&
          /is (running|paused)/.test(error.detail)
        )
          throw new CliError(explained(error.message, name));
        // With --force what is not there is said, but is no failure
        if (!flags.force || !(error instanceof ClientError) || error.status !== 404) throw error;
        context.io.err(`${error.message}\n`);
        return null;
      }
      return name;
    });
  },
});
