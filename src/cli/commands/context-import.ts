import { checkNewContext, writeContext } from "../../client/index.ts";
import { defineCommand, exactly } from "../command.ts";
import { MAX_CONTENT, unpackContext } from "../context-archive.ts";
import { CliError } from "../errors.ts";
import { fileChunks } from "../files.ts";

/** Content with headers, padding and what a zip adds; what is larger cannot be a context. */
const MAX_ARCHIVE = 2 * MAX_CONTENT;

export default defineCommand({
  usage: "CONTEXT FILE|-",
  description: "Make a context of a tar or zip archive.",
  count: exactly(2),
  completes: "files",
  flags: {},
  async run(context, { args: [name = "", file = ""] }) {
    const { io, configDirectory } = context;
    await checkNewContext(configDirectory, name);
    const { tls, ...meta } = unpackContext(await whole(file === "-" ? io.stdin() : await fileChunks(file)));
    await writeContext(configDirectory, { Name: name, ...meta }, tls);
    io.out(`${name}\n`);
    io.err(`Successfully imported context "${name}"\n`);
  },
});

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MAX_ARCHIVE) throw new CliError("read exceeds the defined limit");
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}
