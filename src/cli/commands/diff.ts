import type { FilesystemChange } from "../../api/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { CliError } from "../errors.ts";
import { printRows } from "../format.ts";
import { formatFlag } from "../shared-flags.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "CONTAINER",
  count: exactly(1),
  completes: "containers",
  flags: { format: { ...formatFlag, hidden: true } },
  async run(context, { flags, args: [name = ""] }) {
    if (name === "") throw new CliError("Container name cannot be empty");
    const changes = await (
      await context.client()
    ).json<FilesystemChange[] | null>("GET", `/containers${pathOf(name)}/changes`);
    const kinds = ["C", "A", "D"];
    await printRows(
      context.io,
      {
        type: "*formatter.diffContext",
        columns: ["Type", "Path"],
        fields: {
          Type: { header: "CHANGE TYPE", value: ({ Kind }: FilesystemChange) => kinds[Kind] ?? "" },
          Path: { header: "PATH", value: ({ Path }: FilesystemChange) => Path },
        },
      },
      changes ?? [],
      { format: flags.format || "{{.Type}} {{.Path}}" },
    );
  },
});
