import { atLeast, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool } from "../flags.ts";
import { canonicalReference, parseImageName, withDefaultTag } from "../image-name.ts";
import { fetchManifest } from "../manifest-registry.ts";
import { ManifestStore } from "../manifest-store.ts";

export default defineCommand({
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  description:
    "Begin a manifest list of images that are in a registry.\nIt is kept beside the configuration until it is pushed.",
  count: atLeast(2),
  flags: {
    amend: bool("Add to a list that is there already", { short: "a" }),
    insecure: bool("Speak to the registry in plain http too, and do not check its certificate"),
  },
  async run(context, { flags, args: [text = "", ...images] }) {
    const list = listName(text);
    const store = new ManifestStore(context.configDirectory);
    if ((await store.list(list)) !== undefined && !flags.amend)
      throw new CliError("refusing to amend an existing manifest list with no --amend flag");
    for (const image of images) {
      const name = withDefaultTag(parseImageName(image));
      const known = await store.get(list, name);
      if (known?.Raw !== undefined) continue;
      const found = await fetchManifest(context, name, flags.insecure);
      if (found.kind === "list") throw new CliError(`${canonicalReference(name)} is a manifest list`);
      await store.save(list, name, found.record);
    }
    context.io.out(`Created manifest list ${canonicalReference(list)}\n`);
  },
});

function listName(text: string) {
  try {
    return withDefaultTag(parseImageName(text));
  } catch (error) {
    throw new CliError(`error parsing name for manifest list ${text}: ${messageOf(error)}`);
  }
}
