import { defineCommand, exactly } from "../command.ts";
import { bool } from "../flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  count: exactly(2),
  completes: ["networks", "containers"],
  flags: { force: bool("Take it off whatever its state", { short: "f" }) },
  async run(context, { flags, args: [network = "", container = ""] }) {
    await (
      await context.client()
    ).send("POST", `/networks${pathOf(network)}/disconnect`, {
      json: { Container: container, Force: flags.force },
    });
  },
});
