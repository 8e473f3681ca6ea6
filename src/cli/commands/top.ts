import type { ContainerTopResponse } from "../../api/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { alignColumns } from "../table-writer.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "CONTAINER [ps OPTIONS]",
  count: atLeast(1),
  completes: "running",
  interspersed: false,
  flags: {},
  async run(context, { args: [name = "", ...options] }) {
    const client = await context.client();
    const { Titles = [], Processes = [] } = await client.json<ContainerTopResponse>(
      "GET",
      `/containers${pathOf(name)}/top`,
      {
        query: { ps_args: options.join(" ") },
      },
    );
    const lines = [Titles, ...Processes].map((cells) => cells.join("\t"));
    context.io.out(alignColumns(`${lines.join("\n")}\n`, { minWidth: 20, padding: 3 }));
  },
});
