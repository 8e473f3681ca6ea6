import { ClientError } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { containerFlags } from "../container-flags.ts";
import { CreateError } from "../errors.ts";
import { createContainer, failedBeforeRunning } from "../create-container.ts";

export default defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  count: atLeast(1),
  interspersed: false,
  completes: "images",
  flags: containerFlags,
  async run(context, { flags, changed, args }) {
    try {
      const { id } = await createContainer(context, flags, changed, args);
      context.io.out(`${id}\n`);
    } catch (error) {
      // What the engine refuses is an ordinary error here; what the flags say wrongly is not
      if (error instanceof ClientError || error instanceof CreateError) throw error;
      throw failedBeforeRunning("create", error);
    }
  },
});
