import { atLeast, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { parseImageName, withDefaultTag } from "../image-name.ts";
import { ManifestStore, noSuchManifest } from "../manifest-store.ts";

export default defineCommand({
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  count: atLeast(1),
  flags: {},
  async run(context, { args }) {
    const store = new ManifestStore(context.configDirectory);
    const failures: string[] = [];
    for (const text of args) {
      try {
        const name = withDefaultTag(parseImageName(text));
        if ((await store.list(name)) === undefined) throw noSuchManifest(name);
        await store.remove(name);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    if (failures.length > 0) throw new CliError(failures.join("\n"));
  },
});
