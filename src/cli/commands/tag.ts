import { defineCommand, exactly } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";
import { familiarName, type ImageName, parseImageName } from "../image-name.ts";
import { imagePath } from "../targets.ts";

export default defineCommand({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  count: exactly(2),
  completes: ["images", "files"],
  flags: {},
  async run(context, { args: [source = "", target = ""] }) {
    if (source === "") parsed(source);
    const name = parsed(target);
    await (
      await context.client()
    ).send("POST", imagePath(source, "/tag"), {
      query: { repo: familiarName(name), tag: name.tag ?? "latest" },
    });
  },
});

/** @throws CliError with Docker's text. */
function parsed(text: string): ImageName {
  try {
    return parseImageName(text);
  } catch (error) {
    throw new CliError(
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${messageOf(error)}`,
    );
  }
}
