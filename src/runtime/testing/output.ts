import type { StdioStream } from "../../api/index.ts";

/** Everything that a process writes until its end. */
export async function drain(stdio: StdioStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const { data } of stdio.output) chunks.push(data);
  return Buffer.concat(chunks).toString();
}

/** What it writes up to its first line break. */
export async function firstLine(stdio: StdioStream): Promise<string> {
  let text = "";
  for await (const { data } of stdio.output) {
    text += Buffer.from(data).toString();
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}
