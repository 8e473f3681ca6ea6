import type { Volume } from "../../api/index.ts";
import { atMost, defineCommand } from "../command.ts";
import { toMap } from "../environment.ts";
import { CliError } from "../errors.ts";
import { labels, map, string } from "../flags.ts";

export default defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  count: atMost(1),
  flags: {
    driver: string("Volume driver", { short: "d", initial: "local" }),
    label: labels(),
    name: string("Name of the volume", { hidden: true }),
    opt: map("Set an option of the driver", { short: "o" }),
  },
  async run(context, { flags, changed, args: [name] }) {
    if (name !== undefined && flags.name !== "")
      throw new CliError(
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    const volume = await (
      await context.client()
    ).json<Volume>("POST", "/volumes/create", {
      json: {
        Driver: flags.driver,
        ...(changed.has("opt") ? { DriverOpts: flags.opt } : {}),
        ...(changed.has("label") ? { Labels: toMap(flags.label) } : {}),
        Name: name ?? flags.name,
      },
    });
    context.io.out(`${volume.Name}\n`);
  },
});
