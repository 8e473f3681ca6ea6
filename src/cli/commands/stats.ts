import type { ContainerStatsResponse, ContainerSummary, EventMessage } from "../../api/index.ts";
import { type Client, ClientError, jsonLines } from "../../client/index.ts";
import { atLeast, type Context, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool } from "../flags.ts";
import { printRows, type View } from "../format.ts";
import { formatFlag, noTruncFlag } from "../shared-flags.ts";
import { computeUsage, type Usage } from "../stats-usage.ts";
import { pathOf, shortId } from "../targets.ts";
import { binarySize, humanSize } from "../units.ts";

export default defineCommand({
  usage: "[OPTIONS] [CONTAINER...]",
  count: atLeast(0),
  completes: "running",
  flags: {
    all: bool("Show stopped containers too", { short: "a" }),
    format: formatFlag,
    "no-stream": bool("Show the first figures and end"),
    "no-trunc": noTruncFlag,
  },
  async run(context, { flags, args }) {
    const client = await context.client();
    const format = flags.format || ((await context.config()).statsFormat ?? "");
    const show = (rows: readonly Row[]) => printRows(context.io, statsView(!flags["no-trunc"]), rows, { format });
    const names = args.length > 0 ? args : await listed(client, flags.all);
    if (flags["no-stream"]) {
      const rows = await Promise.all(names.map((name) => once(client, name)));
      await show(rows);
      return;
    }
    await follow(context, client, names, args.length === 0, format, show);
  },
});

interface Row {
  asked: string;
  usage: Usage | undefined;
}

async function listed(client: Client, all: boolean): Promise<string[]> {
  const containers = await client.json<ContainerSummary[]>("GET", "/containers/json", { query: { all } });
  return containers.map(({ Id = "" }) => shortId(Id));
}

async function once(client: Client, name: string): Promise<Row> {
  const stats = await client.json<ContainerStatsResponse>("GET", `/containers${pathOf(name)}/stats`, {
    query: { stream: "0" },
  });
  return { asked: name, usage: computeUsage(stats) };
}

/** Shows all rows twice a second until no container is left, or for ever when all are watched. */
async function follow(
  context: Context,
  client: Client,
  names: readonly string[],
  watchAll: boolean,
  format: string,
  show: (rows: readonly Row[]) => Promise<void>,
): Promise<void> {
  const rows = new Map<string, Row>();
  const first: Promise<void>[] = [];
  const aborter = new AbortController();
  const running = new Set<Promise<void>>();
  const failures = new Map<string, unknown>();
  const watch = (name: string) => {
    if (rows.has(name)) return;
    const row: Row = { asked: name, usage: undefined };
    rows.set(name, row);
    const { promise, resolve } = Promise.withResolvers<void>();
    first.push(promise);
    const task = stream(client, row, aborter.signal, resolve)
      .catch((error: unknown) => {
        if (!watchAll) failures.set(name, error);
        resolve();
      })
      .finally(() => {
        rows.delete(name);
        running.delete(task);
      });
    running.add(task);
  };
  for (const name of names) watch(name);
  if (watchAll) void startedContainers(client, aborter.signal, watch);
  const isTable = format === "" || format.startsWith("table");
  const clear = "\u001b[H\u001b[J";
  // A screen is not cleared for containers that are not there.
  await Promise.all(first);
  for (;;) {
    if (failures.size > 0) break;
    if (!watchAll && running.size === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (isTable || rows.size > 0) {
      context.io.out(clear);
      await show([...rows.values()]);
    }
  }
  aborter.abort();
  const told = names.flatMap((name) => (failures.has(name) ? [messageOf(failures.get(name))] : []));
  if ([...failures.values()].some((failure) => failure instanceof ClientError)) throw new CliError(told.join("\n"));
  for (const text of told) context.io.err(`${text}\n`);
}

/** @param sampled called once there is something to show. */
async function stream(client: Client, row: Row, signal: AbortSignal, sampled: () => void): Promise<void> {
  const response = await client.request("GET", `/containers${pathOf(row.asked)}/stats`, {
    query: { stream: true },
    signal,
  });
  for await (const stats of jsonLines<ContainerStatsResponse>(response.body)) {
    row.usage = computeUsage(stats);
    sampled();
  }
  sampled();
}

async function startedContainers(client: Client, signal: AbortSignal, watch: (name: string) => void): Promise<void> {
  try {
    const filters = JSON.stringify({ type: { container: true }, event: { start: true } });
    const response = await client.request("GET", "/events", { query: { filters }, signal });
    for await (const { Actor } of jsonLines<EventMessage>(response.body))
      if (Actor?.ID !== undefined) watch(shortId(Actor.ID));
  } catch {
    // The command is ending, or the engine is: the streams of the containers tell
  }
}

function statsView(truncate: boolean): View<Row> {
  const known =
    (show: (usage: Usage) => string, empty = "--") =>
    ({ usage }: Row) =>
      usage === undefined ? empty : show(usage);
  return {
    type: "*container.statsContext",
    columns: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
    fields: {
      Container: { header: "CONTAINER", value: ({ asked }) => asked },
      ID: { header: "CONTAINER ID", value: known(({ id }) => (truncate ? shortId(id) : id)) },
      Name: { header: "NAME", value: known(({ name }) => name.replace(/^\//, "")) },
      CPUPerc: { header: "CPU %", value: known(({ cpuPercent }) => `${cpuPercent.toFixed(2)}%`) },
      MemUsage: {
        header: "MEM USAGE / LIMIT",
        value: known(({ memory, memoryLimit }) => `${binarySize(memory)} / ${binarySize(memoryLimit)}`, "-- / --"),
      },
      MemPerc: { header: "MEM %", value: known(({ memoryPercent }) => `${memoryPercent.toFixed(2)}%`) },
      NetIO: {
        header: "NET I/O",
        value: known(({ received, sent }) => `${humanSize(received, 3)} / ${humanSize(sent, 3)}`),
      },
      BlockIO: {
        header: "BLOCK I/O",
        value: known(({ read, written }) => `${humanSize(read, 3)} / ${humanSize(written, 3)}`),
      },
      PIDs: { header: "PIDS", value: known(({ pids }) => String(pids)) },
    },
  };
}
