import { demultiplex } from "../../client/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { bool, string } from "../flags.ts";
import { pathOf } from "../targets.ts";
import { toTimestamp } from "../time-value.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER",
  count: exactly(1),
  completes: "containers",
  flags: {
    details: bool("Show the attributes that the log driver keeps"),
    follow: bool("Go on showing what is written", { short: "f" }),
    since: string("Show what was written after this time (2013-01-02T13:23:37Z) or in this span (42m)"),
    tail: string("Show this many lines from the end", { short: "n", initial: "all" }),
    timestamps: bool("Show when each line was written", { short: "t" }),
    until: string("Show what was written before this time or this long ago"),
  },
  async run(context, { flags, args: [name = ""] }) {
    const { io } = context;
    const client = await context.client();
    const times = await readTimes();
    const response = await client.request("GET", `/containers${pathOf(name)}/logs`, {
      query: {
        stdout: true,
        stderr: true,
        details: flags.details,
        follow: flags.follow,
        ...times,
        tail: flags.tail,
        timestamps: flags.timestamps,
      },
    });
    const type = response.headers.get("content-type");
    const multiplexed =
      type === "application/vnd.docker.multiplexed-stream" ||
      (type !== "application/vnd.docker.raw-stream" && !(await hasTty()));
    if (multiplexed) {
      await demultiplex(response.body, {
        stdout: (bytes) => io.writeOut(bytes),
        stderr: (bytes) => io.writeErr(bytes),
      });
    } else for await (const chunk of response.body) await io.writeOut(chunk);

    async function readTimes(): Promise<{ since: string | undefined; until: string | undefined }> {
      try {
        return { since: toTimestamp(flags.since, "since"), until: toTimestamp(flags.until, "until") };
      } catch (error) {
        // A container that is not there is the graver mistake
        await client.send("GET", `/containers${pathOf(name)}/json`);
        throw error;
      }
    }

    /** Engines before 1.42 do not say what the stream is. */
    async function hasTty(): Promise<boolean> {
      const container = await client.json<{ Config?: { Tty?: boolean } }>("GET", `/containers${pathOf(name)}/json`);
      return container.Config?.Tty === true;
    }
  },
});
