import { contextName, readContext, removeContext, updateConfigFile } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { bool } from "../flags.ts";

export default defineCommand({
  usage: "CONTEXT [CONTEXT...]",
  count: atLeast(1),
  completes: "contexts",
  flags: { force: bool("Remove it also when it is in use or not there", { short: "f" }) },
  async run(context, { flags, args }) {
    const current = contextName(await context.endpointSettings());
    const failures: string[] = [];
    for (const name of args) {
      try {
        if (name === "default") throw new CliError('context "default" cannot be removed');
        const exists = await readContext(context.configDirectory, name).then(
          () => true,
          () => false,
        );
        if (!exists && !flags.force) throw new CliError(`context "${name}" does not exist`);
        if (name === current && !flags.force)
          throw new CliError(`context "${name}" is in use, set -f flag to force remove`);
        if (name === (await context.config()).currentContext) {
          await updateConfigFile(context.configDirectory, ({ currentContext: _removed, ...others }) => others);
        }
        await removeContext(context.configDirectory, name);
        context.io.out(`${name}\n`);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    if (failures.length > 0) throw new CliError(failures.join("\n"));
  },
});
