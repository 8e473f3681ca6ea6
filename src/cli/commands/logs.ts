import { type Client, demultiplex, type OutputWriters } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool, string } from "../flags.ts";
import type { Io } from "../io.ts";
import { LineWriter, linePrefixes } from "../log-lines.ts";
import { pathOf } from "../targets.ts";
import { toTimestamp } from "../time-value.ts";

type Query = Readonly<Record<string, string | boolean | undefined>>;

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  description:
    "Show what containers have written. Of several containers, each line is shown behind the container's name: one log\n" +
    "after the other, or with --follow all at once as they are written.",
  count: atLeast(1),
  completes: "containers",
  flags: {
    details: bool("Show the attributes that the log driver keeps"),
    follow: bool("Go on showing what is written", { short: "f" }),
    grep: string("Show only lines in which this regular expression matches"),
    since: string("Show what was written after this time (2013-01-02T13:23:37Z) or in this span (42m)"),
    tail: string("Show this many lines from the end", { short: "n", initial: "all" }),
    timestamps: bool("Show when each line was written", { short: "t" }),
    until: string("Show what was written before this time or this long ago"),
  },
  async run(context, { flags, changed, args: names }) {
    const { io } = context;
    const accepts = changed.has("grep") ? matcher(flags.grep) : undefined;
    const client = await context.client();
    const query: Query = {
      stdout: true,
      stderr: true,
      details: flags.details,
      follow: flags.follow,
      ...(await readTimes()),
      tail: flags.tail,
      timestamps: flags.timestamps,
    };
    const out = {
      stdout: (bytes: Uint8Array) => io.writeOut(bytes),
      stderr: (bytes: Uint8Array) => io.writeErr(bytes),
    };
    const [first = ""] = names;
    if (names.length === 1 && accepts === undefined) return await showLog(client, first, query, out);
    const prefixes = names.length === 1 ? [""] : linePrefixes(names, await isColored(io));
    const show = async (name: string, index: number) => {
      const lines = new LineWriter(out, prefixes[index] ?? "", accepts);
      try {
        await showLog(client, name, query, lines);
      } finally {
        await lines.end();
      }
    };
    if (names.length === 1) return await show(first, 0);
    let failed = false;
    // A log that cannot be read keeps nobody from reading the others
    const attempt = (name: string, index: number) =>
      show(name, index).catch((error: unknown) => {
        failed = true;
        io.err(`${messageOf(error)}\n`);
      });
    if (flags.follow) await Promise.all(names.map(attempt));
    else for (const [index, name] of names.entries()) await attempt(name, index);
    return failed ? 1 : 0;

    async function readTimes(): Promise<{ since: string | undefined; until: string | undefined }> {
      try {
        return { since: toTimestamp(flags.since, "since"), until: toTimestamp(flags.until, "until") };
      } catch (error) {
        // A container that is not there is the graver mistake
        await client.send("GET", `/containers${pathOf(names[0] ?? "")}/json`);
        throw error;
      }
    }
  },
});

function matcher(pattern: string): (line: string) => boolean {
  try {
    const expression = new RegExp(pattern, "u");
    return (line) => expression.test(line);
  } catch (error) {
    throw new CliError(`invalid --grep pattern ${JSON.stringify(pattern)}: ${messageOf(error)}`);
  }
}

/** Colour is for people: on a terminal, unless NO_COLOR is set (no-color.org). */
async function isColored(io: Io): Promise<boolean> {
  return (io.env["NO_COLOR"] ?? "") === "" && (await io.isTerminal(1));
}

async function showLog(client: Client, name: string, query: Query, out: OutputWriters): Promise<void> {
  const response = await client.request("GET", `/containers${pathOf(name)}/logs`, { query });
  const type = response.headers.get("content-type");
  const multiplexed =
    type === "application/vnd.docker.multiplexed-stream" ||
    (type !== "application/vnd.docker.raw-stream" && !(await hasTty()));
  if (multiplexed) await demultiplex(response.body, out);
  else for await (const chunk of response.body) await out.stdout(chunk);

  /** Engines before 1.42 do not say what the stream is. */
  async function hasTty(): Promise<boolean> {
    const container = await client.json<{ Config?: { Tty?: boolean } }>("GET", `/containers${pathOf(name)}/json`);
    return container.Config?.Tty === true;
  }
}
