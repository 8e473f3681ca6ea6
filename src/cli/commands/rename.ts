import { defineCommand, exactly } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { pathOf } from "../targets.ts";

export default defineCommand({
  usage: "CONTAINER NEW_NAME",
  count: exactly(2),
  completes: ["containers", "files"],
  flags: {},
  async run(context, { args: [from = "", to = ""] }) {
    if (from.trim() === "" || to.trim() === "") throw new CliError("Error: Neither old nor new names may be empty");
    const client = await context.client();
    try {
      await client.send("POST", `/containers${pathOf(from.trim())}/rename`, { query: { name: to.trim() } });
    } catch (error) {
      throw new CliError(`${messageOf(error)}\nError: failed to rename container named ${from.trim()}`);
    }
  },
});
