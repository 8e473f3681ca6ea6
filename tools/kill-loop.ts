/**
 * Kills a private engine, its supervisors and netd under its clients many times:
 * `tools/bun tools/kill-loop.ts [--kills N] [--seed N]`. Prints the
 * seed, a summary and what turned out wrong; exits with 1 when something did.
 */
import { parseArgs } from "node:util";
import { killLoop } from "../test/integration/crash/kill-loop/loop.ts";

const { values } = parseArgs({ options: { kills: { type: "string" }, seed: { type: "string" } } });
const kills = Number(values.kills ?? 500);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
console.log(`kill-loop: ${kills} kills, seed ${seed}`);
const { calls, interrupted, operations, seconds, violations } = await killLoop(kills, seed, { remote: true });
for (const violation of violations) console.log(`wrong: ${violation}`);
const total = [...operations.values()].reduce((sum, count) => sum + count, 0);
console.log(
  `${total} operations: ${[...operations]
    .map(([name, count]) => `${name} ${count}`)
    .sort()
    .join(", ")}`,
);
console.log(`${calls} calls, ${interrupted} cut short, ${seconds} s: ${violations.length} wrong`);
process.exitCode = violations.length === 0 ? 0 : 1;
