import { defineCommand, exactly } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { familiarName, parseImageName } from "../image-name.ts";
import { imagePath } from "../targets.ts";

export default defineCommand({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  count: exactly(2),
  completes: "images",
  flags: {},
  async run(context, { args: [source = "", target = ""] }) {
    const name = (() => {
      try {
        return parseImageName(target);
      } catch (error) {
        throw new CliError(
          `Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${messageOf(error)}`,
        );
      }
    })();
    await (
      await context.client()
    ).send("POST", imagePath(source, "/tag"), {
      query: { repo: familiarName(name), tag: name.tag ?? "latest" },
    });
  },
});
