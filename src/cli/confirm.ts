import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";

/** Asks on standard error; only `y` and `yes` mean yes. @throws CliError, with exit code 0, when the answer is no. */
export async function confirm(io: Io, question: string): Promise<void> {
  io.out(`${question} [y/N] `);
  await io.flush();
  const answer = (await readLine(io)).trim().toLowerCase();
  if (answer !== "y" && answer !== "yes") throw new CliError("", 0);
}

/** One line of standard input without its newline. */
export async function readLine(io: Io): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of io.stdin()) {
    text += decoder.decode(chunk, { stream: true });
    const newline = text.indexOf("\n");
    if (newline !== -1) return text.slice(0, newline);
  }
  return text;
}
