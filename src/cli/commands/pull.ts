import { defineCommand, exactly } from "../command.ts";
import { CliError } from "../errors.ts";
import { bool, string } from "../flags.ts";
import { canonicalReference, familiarReference, parseImageName, withDefaultTag } from "../image-name.ts";
import { wantedPlatform } from "../platform.ts";
import { pullImage } from "../pull-image.ts";
import { contentTrustFlag } from "../shared-flags.ts";

export default defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  count: exactly(1),
  completes: "images",
  flags: {
    "all-tags": bool("Pull all tags of the repository", { short: "a" }),
    "disable-content-trust": contentTrustFlag,
    platform: string("Pull the variant of this platform (os[/arch[/variant]])"),
    quiet: bool("Print the name only, when it is done", { short: "q" }),
  },
  async run(context, { flags, args: [text = ""] }) {
    const name = parseImageName(text);
    const isBare = name.tag === undefined && name.digest === undefined;
    if (flags["all-tags"] && !isBare) throw new CliError("tag can't be used with --all-tags/-a");
    const wanted = flags["all-tags"] ? name : withDefaultTag(name);
    if (isBare && !flags["all-tags"] && !flags.quiet)
      context.io.out(`Using default tag: ${familiarReference(wanted).split(":").at(-1) ?? ""}\n`);
    await pullImage(context, wanted, {
      platform: wantedPlatform(context.io, flags.platform),
      quiet: flags.quiet,
      all: flags["all-tags"],
      to: "out",
    });
    context.io.out(`${canonicalReference(wanted)}\n`);
  },
});
