import { atLeast, defineCommand } from "../command.ts";
import { string } from "../flags.ts";
import { printInspected } from "../inspect-output.ts";
import { platformJson } from "../platform.ts";
import { inspectFormatFlag } from "../shared-flags.ts";
import { imagePath } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  count: atLeast(1),
  completes: "images",
  flags: { format: inspectFormatFlag, platform: string("Show the variant of this platform (os[/arch[/variant]])") },
  async run(context, { flags, args }) {
    const client = await context.client();
    const platform = flags.platform === "" ? undefined : platformJson(flags.platform);
    await printInspected(context.io, args, flags.format, (name) =>
      client.json("GET", imagePath(name, "/json"), { query: { platform } }),
    );
  },
});
