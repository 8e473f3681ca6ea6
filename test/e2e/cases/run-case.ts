import { createServer } from "node:net";
import { run } from "../../support/process.ts";
import { normalise } from "./normalise.ts";
import type { Case, Outcome } from "./types.ts";

/** Runs a case's commands in order and gives each one's normalised outcome. */
export async function runCase(each: Case, program: string, env: Record<string, string>): Promise<Outcome[]> {
  const prefix = `case-${each.name.replaceAll("/", "-")}`;
  const port = await freePort();
  const start = timestamp();
  const outcomes: Outcome[] = [];
  for (const { args, input } of each.steps) {
    const words = args.map((word) => fill(word, { name: prefix, port, start, now: timestamp() }));
    const result = await run(program, words, { env, ...(input === undefined ? {} : { input }) });
    outcomes.push(normalise(result, prefix, port));
  }
  return outcomes;
}

function fill(word: string, values: Record<string, string>): string {
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), word);
}

/** The next millisecond, which nothing that has happened is later than, as `SECONDS.NANOSECONDS`. */
function timestamp(): string {
  return ((Date.now() + 1) / 1000).toFixed(9);
}

/** A port of 127.0.0.1 that nobody has, below those that the kernel gives to whoever connects. */
async function freePort(): Promise<string> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (await canBind(port)) return String(port);
  }
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
