import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../support/engine.ts";

/** Every crash point of the source, by name. */
export function crashPoints(): string[] {
  const files = globSync("src/**/*.ts", { cwd: ROOT }).filter((file) => !file.endsWith(".test.ts"));
  const names = files.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    return [...text.matchAll(/\bcrashPoint\(\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
  });
  return names.sort();
}
