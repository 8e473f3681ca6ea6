import { defineCommand, exactly } from "../command.ts";
import { copyFromContainer, copyToContainer } from "../copy-files.ts";
import { CliError } from "../errors.ts";
import { bool } from "../flags.ts";
import { humanSize } from "../units.ts";

export default defineCommand({
  usage: ["[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-", "[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"],
  description:
    "Copy files between a container and this machine\n\nA source of '-' is a tar archive on standard input, unpacked into a folder of the container.\nA destination of '-' is a tar archive on standard output.",
  count: exactly(2),
  completes: "containers",
  flags: {
    archive: bool("Keep owners", { short: "a" }),
    "follow-link": bool("Copy what a symbolic link points to", { short: "L" }),
    quiet: bool("Do not say what was copied", { short: "q" }),
  },
  async run(context, { flags, changed, args: [source = "", target = ""] }) {
    if (source === "") throw new CliError("source can not be empty");
    if (target === "") throw new CliError("destination can not be empty");
    const from = splitPlace(source);
    const to = splitPlace(target);
    if (from.container !== undefined && to.container !== undefined)
      throw new CliError("copying between containers is not supported");
    const options = { archive: flags.archive, followLink: flags["follow-link"] };
    let size: number;
    if (from.container !== undefined)
      size = await copyFromContainer(context, from.container, from.path, to.path, options);
    else if (to.container !== undefined)
      size = await copyToContainer(context, from.path, to.container, to.path, options);
    else throw new CliError("must specify at least one container source");
    const isArchive = source === "-" || target === "-";
    if (!flags.quiet && !isArchive && (changed.has("quiet") || (await context.io.isTerminal(2)))) {
      context.io.err(`Successfully copied ${humanSize(size, 3)} to ${target}\n`);
    }
  },
});

/** `name:path`; a path that begins with `/` or `.` is of this machine, colons or not. */
function splitPlace(text: string): { container: string | undefined; path: string } {
  const colon = text.indexOf(":");
  if (colon <= 0 || text.startsWith("/") || text.startsWith(".")) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}
