import { defineCommand, exactly } from "../command.ts";
import { CliError } from "../errors.ts";
import { bool } from "../flags.ts";
import { canonicalReference, parseImageName, withDefaultTag } from "../image-name.ts";
import { planPush, push } from "../manifest-push.ts";
import { repositoryOf } from "../manifest-registry.ts";
import { ManifestStore, noSuchManifest } from "../manifest-store.ts";

export default defineCommand({
  usage: "[OPTIONS] MANIFEST_LIST",
  count: exactly(1),
  flags: {
    insecure: bool("Speak to the registry in plain http too, and do not check its certificate"),
    purge: bool("Forget the list when it was sent", { short: "p" }),
  },
  async run(context, { flags, args: [text = ""] }) {
    const name = withDefaultTag(parseImageName(text));
    const store = new ManifestStore(context.configDirectory);
    const records = await store.list(name);
    if (records === undefined) throw noSuchManifest(name);
    if (records.length === 0) throw new CliError(`${canonicalReference(name)} not found`);
    const plan = planPush(name, records);
    const repository = await repositoryOf(context, name, { access: "push", insecure: flags.insecure });
    context.io.out(`${await push(repository, name, plan, (line) => context.io.out(line))}\n`);
    if (flags.purge) await store.remove(name);
  },
});
