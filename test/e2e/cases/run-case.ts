import { createServer } from "node:net";
import { run } from "../../support/process.ts";
import { normalise } from "./normalise.ts";
import type { Case, Outcome } from "./types.ts";

/** Runs a case's commands in order and gives each one's normalised outcome. */
export async function runCase(each: Case, program: string, env: Record<string, string>): Promise<Outcome[]> {
  const prefix = `case-${each.name.replaceAll("/", "-")}`;
  const port = await freePort();
  const outcomes: Outcome[] = [];
  for (const { args, input } of each.steps) {
    const words = args.map((word) => word.replaceAll("{name}", prefix).replaceAll("{port}", port));
    const result = await run(program, words, { env, ...(input === undefined ? {} : { input }) });
    outcomes.push(normalise(result, prefix, port));
  }
  return outcomes;
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
