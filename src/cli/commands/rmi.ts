import type { ImageDeleteResponseItem } from "../../api/index.ts";
import { ClientError } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool, strings } from "../flags.ts";
import { platformJson } from "../platform.ts";
import { imagePath } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  count: atLeast(1),
  completes: "images",
  flags: {
    force: bool("Remove it also when it has other names or stopped containers", { short: "f" }),
    "no-prune": bool("Keep parents that have no name"),
    platform: strings("Remove the variant of this platform only (os[/arch[/variant]])"),
  },
  async run(context, { flags, args }) {
    const client = await context.client();
    const failures: string[] = [];
    let missingOnly = true;
    for (const name of args) {
      try {
        const removed = await client.json<ImageDeleteResponseItem[]>("DELETE", imagePath(name), {
          query: { force: flags.force, noprune: flags["no-prune"], platforms: flags.platform.map(platformJson) },
        });
        for (const item of removed) {
          context.io.out(
            item.Deleted === undefined || item.Deleted === ""
              ? `Untagged: ${item.Untagged ?? ""}\n`
              : `Deleted: ${item.Deleted}\n`,
          );
        }
      } catch (error) {
        if (!(error instanceof ClientError) || error.status !== 404) missingOnly = false;
        failures.push(messageOf(error));
      }
    }
    if (failures.length === 0) return;
    // With --force an image that is not there is as good as removed
    if (!flags.force || !missingOnly) throw new CliError(failures.join("\n"));
    context.io.err(`${failures.join("\n")}\n`);
  },
});
