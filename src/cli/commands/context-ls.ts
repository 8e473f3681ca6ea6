import { contextName, listContexts, readContext } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";
import { defaultHost, warnEnvironmentHost } from "../context-notes.ts";
import { messageOf } from "../errors.ts";
import { bool } from "../flags.ts";
import { goJson, printRows, type View } from "../format.ts";
import { formatFlag } from "../shared-flags.ts";
import { ellipsis } from "../targets.ts";

/** Columns of an error, as in Docker's list. */
const ERROR_WIDTH = 45;

interface Row {
  name: string;
  current: boolean;
  description: string;
  endpoint: string;
  error: string;
}

export default defineCommand({
  usage: "[OPTIONS]",
  count: none,
  flags: { format: formatFlag, quiet: bool("Print names only", { short: "q" }) },
  async run(context, { flags }) {
    const settings = await context.endpointSettings();
    const current = contextName(settings);
    const stored = await listContexts(settings.configDirectory);
    const rows: Row[] = [
      {
        name: "default",
        current: current === "default",
        description: "Current DOCKER_HOST based configuration",
        endpoint: defaultHost(settings),
        error: "",
      },
      ...stored.map(({ Name, Metadata, Endpoints }) => ({
        name: Name,
        current: Name === current,
        description: Metadata.Description ?? "",
        endpoint: Endpoints["docker"]?.Host ?? "",
        error: "",
      })),
    ];
    if (!rows.some((row) => row.current)) {
      rows.push({
        name: current,
        current: true,
        description: "",
        endpoint: "",
        error: ellipsis(await readContext(settings.configDirectory, current).then(() => "", messageOf), ERROR_WIDTH),
      });
    }
    if (flags.format === "json") for (const row of rows) context.io.out(`${goJson(jsonOf(row))}\n`);
    else
      await printRows(context.io, contextView(flags.format === "" || flags.format === "table"), rows, {
        format: flags.format,
        quiet: flags.quiet,
        quietField: "Plain",
      });
    warnEnvironmentHost(context.io, "a context");
  },
});

function jsonOf({ name, current, description, endpoint, error }: Row): Record<string, unknown> {
  return { Current: current, Description: description, DockerEndpoint: endpoint, Error: error, Name: name };
}

function contextView(marked: boolean): View<Row> {
  return {
    type: "*formatter.clientContextContext",
    columns: ["Name", "Description", "DockerEndpoint", "Error"],
    fields: {
      Current: { header: "", value: ({ current }) => current },
      Name: { header: "NAME", value: ({ name, current }) => (marked && current ? `${name} *` : name) },
      Plain: { header: "NAME", value: ({ name }) => name, hiddenInJson: true },
      Description: { header: "DESCRIPTION", value: ({ description }) => description },
      DockerEndpoint: { header: "DOCKER ENDPOINT", value: ({ endpoint }) => endpoint },
      Error: { header: "ERROR", value: ({ error }) => error },
    },
  };
}
