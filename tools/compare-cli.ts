/**
 * Runs each case of test/e2e/cli through `docker` and through `berth` on an engine and prints what differs.
 *
 *     tools/bun tools/compare-cli.ts SOCKET [--docker PATH] [--berth PATH] [--only TEXT]
 *
 * Exit code 1 when something differs.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cliCases } from "../test/e2e/cli/cases.ts";
import { outcomeOf, type Program } from "../test/e2e/cli/compare.ts";
import { flagCases } from "../test/e2e/cli/flag-cases.ts";
import { nameCases } from "../test/e2e/cli/name-cases.ts";

const [socket, ...words] = process.argv.slice(2);
if (socket === undefined || socket.startsWith("-")) {
  console.error("usage: tools/compare-cli.ts SOCKET [--docker PATH] [--berth PATH] [--only TEXT]");
  process.exit(2);
}
const option = (name: string) => {
  const at = words.indexOf(name);
  return at === -1 ? undefined : words[at + 1];
};
const built = option("--berth");
const only = option("--only") ?? "";
const folder = await mkdtemp(join(tmpdir(), "compare-cli-"));
const docker: Program = { name: "docker", command: [option("--docker") ?? "docker"], id: `dk${process.pid}`, folder };
const berth: Program = {
  name: "berth",
  command: built === undefined ? [process.execPath, join(import.meta.dirname, "berth-cli.ts")] : [resolve(built)],
  id: `be${process.pid}`,
  folder,
};
const chosen = [...cliCases, ...nameCases, ...flagCases].filter(({ args }) => args.join(" ").includes(only));
let different = 0;
try {
  for (const each of chosen) {
    const [left, right] = [await outcomeOf(each, docker, envFor(docker)), await outcomeOf(each, berth, envFor(berth))];
    if (left === right) continue;
    different++;
    console.log(`== ${each.args.join(" ")}\n--- docker\n${left}\n+++ berth\n${right}\n`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${different} of ${chosen.length} cases differ`);
process.exit(different === 0 ? 0 : 1);

function envFor({ id }: Program): Record<string, string> {
  return { HOME: folder, DOCKER_CONFIG: join(folder, id), DOCKER_HOST: `unix://${socket}`, BERTH_HOST: "" };
}
