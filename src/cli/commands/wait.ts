import type { ContainerWaitResponse } from "../../api/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { forEachTarget, pathOf } from "../targets.ts";

export default defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  count: atLeast(1),
  completes: "running",
  flags: {},
  async run(context, { args }) {
    await forEachTarget(context, args, async (client, name) => {
      const { StatusCode, Error: failure } = await client.json<ContainerWaitResponse>(
        "POST",
        `/containers${pathOf(name)}/wait`,
      );
      if (failure?.Message !== undefined && failure.Message !== "") throw new CliError(failure.Message);
      return String(StatusCode);
    });
  },
});
