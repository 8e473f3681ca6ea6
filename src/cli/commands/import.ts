import { progress } from "../../client/index.ts";
import { atLeast, defineCommand } from "../command.ts";
import { fileChunks } from "../files.ts";
import { list, string } from "../flags.ts";
import { familiarName, parseImageName } from "../image-name.ts";
import { wantedPlatform } from "../platform.ts";

export default defineCommand({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  count: atLeast(1),
  completes: "files",
  flags: {
    change: list("Apply this Dockerfile instruction", { short: "c" }),
    message: string("Comment on the image", { short: "m" }),
    platform: string("Platform of the image (os[/arch[/variant]])"),
  },
  async run(context, { flags, args: [source = "", reference] }) {
    const { io } = context;
    const name = reference === undefined ? undefined : parseImageName(reference);
    const isUrl = /^(?:https?|ftp|file):\/\//.test(source);
    const body = source === "-" ? io.stdin() : isUrl ? undefined : await fileChunks(source);
    const response = await (
      await context.client()
    ).request("POST", "/images/create", {
      query: {
        fromSrc: body === undefined ? source : "-",
        repo: name === undefined ? undefined : familiarName(name),
        tag: name?.tag,
        message: flags.message,
        changes: flags.change,
        platform: wantedPlatform(io, flags.platform).toLowerCase(),
      },
      headers: body === undefined ? {} : { "Content-Type": "application/x-tar" },
      body,
    });
    for await (const record of progress(response.body)) if (record.status !== undefined) io.out(`${record.status}\n`);
  },
});
