import { progress } from "../../client/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { CliError } from "../errors.ts";
import { bool, string } from "../flags.ts";
import { canonicalReference, familiarName, parseImageName, withDefaultTag } from "../image-name.ts";
import { platformJson } from "../platform.ts";
import { ProgressDisplay } from "../progress-display.ts";
import { contentTrustFlag } from "../shared-flags.ts";
import { authHeader } from "../registry-auth.ts";
import { imagePath } from "../targets.ts";

export default defineCommand({
  usage: "[OPTIONS] NAME[:TAG]",
  count: exactly(1),
  completes: "images",
  flags: {
    "all-tags": bool("Push all tags of the repository", { short: "a" }),
    "disable-content-trust": contentTrustFlag,
    platform: string("Push the variant of this platform only (os[/arch[/variant]])"),
    quiet: bool("Print the name only, when it is done", { short: "q" }),
  },
  async run(context, { flags, args: [text = ""] }) {
    const { io } = context;
    const parsed = parseImageName(text);
    if (flags["all-tags"] && (parsed.tag !== undefined || parsed.digest !== undefined))
      throw new CliError("tag can't be used with --all-tags/-a");
    const platform = flags.platform === "" ? undefined : platformJson(flags.platform);
    const name = flags["all-tags"] ? parsed : withDefaultTag(parsed);
    if (parsed.tag === undefined && parsed.digest === undefined && !flags["all-tags"] && !flags.quiet)
      io.out("Using default tag: latest\n");
    const response = await (
      await context.client()
    ).request("POST", imagePath(familiarName(name), "/push"), {
      query: { tag: name.tag, platform },
      headers: await authHeader(await context.config(), name.domain),
    });
    const terminal =
      !flags.quiet && (await io.isTerminal(1)) ? ((await io.terminalSize()) ?? { columns: 200 }) : undefined;
    let pending = "";
    const display = new ProgressDisplay((more) => (pending += more), terminal);
    for await (const record of progress(response.body)) {
      if (flags.quiet) continue;
      display.show(record);
      if (pending !== "") await io.writeOut(new TextEncoder().encode(pending));
      pending = "";
    }
    if (flags.quiet) io.out(`${canonicalReference(name)}\n`);
  },
});
