import type { IDResponse } from "../../api/index.ts";
import { between, defineCommand } from "../command.ts";
import { bool, list, string } from "../flags.ts";
import { familiarName, parseImageName } from "../image-name.ts";

export default defineCommand({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  count: between(1, 2),
  completes: "containers",
  flags: {
    author: string("Who made it (Ada <ada@example.com>)", { short: "a" }),
    change: list("Apply this Dockerfile instruction", { short: "c" }),
    message: string("Comment on the image", { short: "m" }),
    "no-pause": bool("Let the container run meanwhile"),
    pause: bool("Freeze the container meanwhile", { short: "p", initial: true }),
  },
  async run(context, { flags, args: [container = "", reference] }) {
    const name = reference === undefined ? undefined : parseImageName(reference);
    const { Id } = await (
      await context.client()
    ).json<IDResponse>("POST", "/commit", {
      query: {
        container,
        repo: name === undefined ? undefined : familiarName(name),
        tag: name === undefined ? undefined : (name.tag ?? "latest"),
        comment: flags.message,
        author: flags.author,
        changes: flags.change,
        pause: flags.pause && !flags["no-pause"] ? undefined : "0",
      },
      json: {},
    });
    context.io.out(`${Id}\n`);
  },
});
