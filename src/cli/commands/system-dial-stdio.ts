import { chunksOf } from "../../client/index.ts";
import { defineCommand, none } from "../command.ts";
import { CliError, messageOf } from "../errors.ts";

export default defineCommand({
  usage: "",
  description: "Join standard input and output to the engine's connection. Hosts of the form ssh://HOST run it there.",
  count: none,
  flags: {},
  async run(context) {
    const { io } = context;
    const client = await context.client();
    const stream = await client.dial().catch((error: unknown) => {
      throw new CliError(`failed to open the raw stream connection: ${messageOf(error)}`);
    });
    // The engine may end while input is still open: then so do we
    const input = async () => {
      for await (const chunk of io.stdin()) await stream.write(chunk);
      stream.end();
    };
    input().catch(() => undefined); // the engine went away; its output tells
    for await (const chunk of chunksOf(stream)) await io.writeOut(chunk);
  },
});
