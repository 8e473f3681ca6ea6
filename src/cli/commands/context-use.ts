import { readContext, updateConfigFile } from "../../client/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { warnEnvironmentHost } from "../context-notes.ts";

export default defineCommand({
  usage: "CONTEXT",
  count: exactly(1),
  completes: "contexts",
  flags: {},
  async run(context, { args: [name = ""] }) {
    if (name !== "default") await readContext(context.configDirectory, name);
    await updateConfigFile(context.configDirectory, (before) => {
      const { currentContext: _before, ...others } = before;
      return name === "default" ? others : { ...others, currentContext: name };
    });
    context.io.out(`${name}\n`);
    context.io.err(`Current context is now "${name}"\n`);
    if (name !== "default") warnEnvironmentHost(context.io, JSON.stringify(name));
  },
});
