import { contextName } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";

export default defineCommand({
  usage: "",
  count: none,
  flags: {},
  async run(context) {
    context.io.out(`${contextName(await context.endpointSettings())}\n`);
  },
});
