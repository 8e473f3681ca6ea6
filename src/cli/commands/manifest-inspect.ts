import { between, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool } from "../flags.ts";
import { goJson } from "../format.ts";
import { type ImageName, parseImageName, withDefaultTag } from "../image-name.ts";
import { manifestList } from "../manifest-list.ts";
import { fetchManifest, type Found } from "../manifest-registry.ts";
import { ManifestStore, noSuchManifest } from "../manifest-store.ts";

export default defineCommand({
  usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  description: "Show a manifest or a manifest list.\nLists that were begun here come before what is in the registry.",
  count: between(1, 2),
  flags: {
    insecure: bool("Speak to the registry in plain http too, and do not check its certificate"),
    verbose: bool("Show platforms and the manifests of a list too", { short: "v" }),
  },
  async run(context, { flags, args }) {
    const store = new ManifestStore(context.configDirectory);
    const [name, list] = args.map((text) => withDefaultTag(parseImageName(text))).reverse();
    if (name === undefined) return;
    const found = list === undefined ? await find(name) : await member(list, name);
    const text = flags.verbose
      ? goJson(found.kind === "manifest" ? found.record : found.records, "\t")
      : shown(name, found);
    context.io.out(`${text}\n`);

    async function member(of: ImageName, image: ImageName): Promise<Found> {
      const record = await store.get(of, image);
      if (record === undefined) throw noSuchManifest(image);
      return { kind: "manifest", record };
    }

    async function find(image: ImageName): Promise<Found> {
      const records = await store.list(image);
      return records === undefined ? await fetchManifest(context, image, flags.insecure) : { kind: "list", records };
    }
  },
});

function shown(name: ImageName, found: Found): string {
  if (found.kind === "manifest") {
    const { record } = found;
    return JSON.stringify(record.SchemaV2Manifest ?? record.OCIManifest, undefined, "\t");
  }
  try {
    return manifestList(name, found.records).text;
  } catch (error) {
    throw new CliError(`failed to assemble ManifestDescriptor: ${messageOf(error)}`);
  }
}
