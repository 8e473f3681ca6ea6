import { progress } from "../client/index.ts";
import type { Context } from "./command.ts";
import { familiarName, type ImageName } from "./image-name.ts";
import { ProgressDisplay } from "./progress-display.ts";
import { authHeader } from "./registry-auth.ts";

export interface PullOptions {
  platform: string;
  quiet: boolean;
  all?: boolean;
  /** Where progress is shown. */
  to: "out" | "err";
}

/** Has the engine pull an image and shows how it goes. @throws ClientError with the engine's text. */
export async function pullImage(context: Context, name: ImageName, options: PullOptions): Promise<void> {
  const client = await context.client();
  const response = await client.request("POST", "/images/create", {
    query: {
      fromImage: familiarName(name),
      tag: options.all === true ? undefined : (name.digest ?? name.tag),
      platform: options.platform.toLowerCase(),
    },
    headers: await authHeader(await context.config(), name.domain),
  });
  const { io } = context;
  const fd = options.to === "out" ? 1 : 2;
  const terminal =
    options.quiet || !(await io.isTerminal(fd)) ? undefined : ((await io.terminalSize()) ?? { columns: 200 });
  const encoder = new TextEncoder();
  // A line that is written over has no newline at its end: it goes out as bytes
  const chunks: string[] = [];
  const display = new ProgressDisplay((text) => chunks.push(text), terminal);
  for await (const record of progress(response.body)) {
    if (options.quiet) continue;
    display.show(record);
    const text = chunks.splice(0).join("");
    if (text === "") continue;
    if (options.to === "out") await io.writeOut(encoder.encode(text));
    else await io.writeErr(encoder.encode(text));
  }
}
