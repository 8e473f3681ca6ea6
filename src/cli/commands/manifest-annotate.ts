import { defineCommand, exactly } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { string, strings } from "../flags.ts";
import { type ImageName, parseImageName, withDefaultTag } from "../image-name.ts";
import { orderedPlatform } from "../manifest-list.ts";
import { ManifestStore } from "../manifest-store.ts";

/** What Docker's command takes. */
const PLATFORMS: Readonly<Record<string, readonly string[]>> = {
  darwin: ["386", "amd64", "arm", "arm64"],
  dragonfly: ["amd64"],
  freebsd: ["386", "amd64", "arm"],
  linux: ["386", "amd64", "arm", "arm64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x"],
  netbsd: ["386", "amd64", "arm"],
  openbsd: ["386", "amd64", "arm"],
  plan9: ["386", "amd64"],
  solaris: ["amd64"],
  windows: ["386", "amd64"],
};

export default defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
  count: exactly(2),
  flags: {
    arch: string("Architecture"),
    os: string("Operating system"),
    "os-features": strings("Features of the operating system"),
    "os-version": string("Version of the operating system"),
    variant: string("Variant of the architecture"),
  },
  async run(context, { flags, args: [listText = "", imageText = ""] }) {
    const list = nameOf("manifest list", listText);
    const image = nameOf("manifest", imageText);
    const store = new ManifestStore(context.configDirectory);
    const record = await store.get(list, image);
    if (record === undefined) throw new CliError(`manifest for image ${imageText} does not exist in ${listText}`);
    const before = record.Descriptor.platform ?? { architecture: "", os: "" };
    const platform = orderedPlatform({
      architecture: flags.arch || before.architecture,
      os: flags.os || before.os,
      "os.version": flags["os-version"] || (before["os.version"] ?? ""),
      "os.features": [...new Set([...(before["os.features"] ?? []), ...flags["os-features"]])],
      variant: flags.variant || (before.variant ?? ""),
    });
    if (PLATFORMS[platform.os]?.includes(platform.architecture) !== true)
      throw new CliError(`manifest entry for image has unsupported os/arch combination: ${flags.os}/${flags.arch}`);
    await store.save(list, image, { ...record, Descriptor: { ...record.Descriptor, platform } });
  },
});

function nameOf(what: string, text: string): ImageName {
  try {
    return withDefaultTag(parseImageName(text));
  } catch (error) {
    throw new CliError(`annotate: error parsing name for ${what} ${text}: ${messageOf(error)}`);
  }
}
