import { type Client, ClientError } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { bool, string } from "../flags.ts";
import { printInspected } from "../inspect-output.ts";
import { inspectFormatFlag } from "../shared-flags.ts";
import { imagePath, pathOf } from "../targets.ts";

type Kind = "container" | "image" | "network" | "volume" | "service" | "task" | "node" | "plugin" | "secret" | "config";

const paths: Record<Kind, (name: string) => string> = {
  container: (name) => `/containers${pathOf(name)}/json`,
  image: (name) => imagePath(name, "/json"),
  network: (name) => `/networks${pathOf(name)}`,
  volume: (name) => `/volumes${pathOf(name)}`,
  service: (name) => `/services${pathOf(name)}`,
  task: (name) => `/tasks${pathOf(name)}`,
  node: (name) => `/nodes${pathOf(name)}`,
  plugin: (name) => `/plugins${pathOf(name)}/json`,
  secret: (name) => `/secrets${pathOf(name)}`,
  config: (name) => `/configs${pathOf(name)}`,
};

/** In the order in which a bare name is looked for. */
const kinds: readonly Kind[] = [
  "container",
  "image",
  "network",
  "volume",
  "service",
  "task",
  "node",
  "plugin",
  "secret",
  "config",
];

export default defineCommand({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  count: atLeast(1),
  completes: "containers",
  flags: {
    format: inspectFormatFlag,
    size: bool("Show how much containers have written", { short: "s" }),
    type: string("Look for this kind of object only"),
  },
  async run(context, { flags, changed, args }) {
    if (changed.has("type") && flags.type === "")
      throw new CliError(
        'type is empty: must be one of "config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"',
      );
    const only = kinds.find((kind) => kind === flags.type);
    if (flags.type !== "" && only === undefined) {
      const known = [...kinds]
        .sort()
        .map((kind) => JSON.stringify(kind))
        .join(", ");
      throw new CliError(`unknown type: ${JSON.stringify(flags.type)}: must be one of ${known}`);
    }
    const client = await context.client();
    await printInspected(context.io, args, flags.format, (name) => find(client, name, only, flags.size));
  },
});

async function find(client: Client, name: string, only: Kind | undefined, size: boolean): Promise<unknown> {
  if (only !== undefined)
    return await client.json("GET", paths[only](name), { query: { size: size && only === "container" } });
  for (const kind of kinds) {
    try {
      return await client.json("GET", paths[kind](name), { query: { size: size && kind === "container" } });
    } catch (error) {
      if (!(error instanceof ClientError) || error.status === undefined) throw error;
      const nowhere = error.status === 404 || isSwarmMissing(error) || (error.status === 400 && kind !== "container");
      if (!nowhere && error.status !== 501) throw error;
    }
  }
  throw new CliError(`Error: No such object: ${name}`);
}

/** Engines outside of a swarm answer 503 for its objects. */
function isSwarmMissing(error: ClientError): boolean {
  return error.status === 503;
}
