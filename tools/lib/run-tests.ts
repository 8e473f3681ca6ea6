/**
 * Runs the checks and every test file, part by part, and ends with `N passed, N failed`.
 *
 * A part is the unit tests of one folder under src/, or one file under test/. Parts run one after another, since many of
 * them make containers and measure the host before and after. There is no second try: what fails now and then is a fault
 * of the engine or of the test, and wants mending.
 *
 * `--pools` runs what has an engine (all under test/) without supervisors that wait for containers, then with a pool that
 * is soon used up, instead of the usual one.
 */
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "../../test/support/wait.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const BUN = join(ROOT, "tools/bun");
/** Milliseconds for one test; a test waits for events, this only ends one that hangs. */
const TEST_TIMEOUT = 120_000 * PATIENCE;
/** Milliseconds for one part, so that a hang is reported by name before CI's own limit. */
const PART_TIMEOUT = 900_000 * PATIENCE;

interface Part {
  name: string;
  files: string[];
}

/** A way to run parts: what it adds to their names, and to their environment. */
interface Mode {
  suffix: string;
  env: Record<string, string>;
}
const USUAL: Mode = { suffix: "", env: {} };
const POOLS: readonly Mode[] = [
  { suffix: " without a pool", env: { BERTH_TEST_POOL: "0" } },
  { suffix: " with a pool of one", env: { BERTH_TEST_POOL: "1" } },
];

interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
}

function partsOf(): Part[] {
  const unit = Map.groupBy(globSync("src/**/*.test.ts", { cwd: ROOT }), (file) =>
    file.split("/").slice(0, 2).join("/"),
  );
  const whole = globSync("test/**/*.test.ts", { cwd: ROOT }).map((file) => ({ name: file, files: [file] }));
  return [...[...unit].map(([name, files]) => ({ name, files: files.sort() })), ...whole].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}

async function run(part: Part, env: Mode["env"], scratch: string): Promise<Outcome> {
  const report = join(scratch, "report.xml");
  rmSync(report, { force: true });
  const options = ["--timeout", String(TEST_TIMEOUT), "--reporter=junit", `--reporter-outfile=${report}`];
  const code = await exec(BUN, ["test", ...options, ...part.files.map((file) => `./${file}`)], env);
  const outcome = readReport(report);
  // A runner that died counts as a failure even if every test before that passed.
  if (code !== 0 && outcome.failed === 0) outcome.failed = 1;
  return outcome;
}

function readReport(file: string): Outcome {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const head = text.slice(text.indexOf("<testsuites"));
  const count = (name: string) => Number(new RegExp(`^[^>]*\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  return { passed: count("tests") - failed - count("skipped"), failed, skipped: count("skipped") };
}

function exec(command: string, args: string[], env: Mode["env"] = {}): Promise<number> {
  return new Promise((resolve) => {
    const stdio = ["ignore", "inherit", "inherit"] as const;
    const child = spawn(command, args, { cwd: ROOT, stdio: [...stdio], env: { ...process.env, ...env } });
    const timer = setTimeout(() => child.kill("SIGKILL"), PART_TIMEOUT);
    child.on("error", () => resolve(1));
    child.on("exit", (code) => {
      clearTimeout(timer);
      resolve(code ?? 1);
    });
  });
}

const words = process.argv.slice(2);
const wanted = words.filter((word) => word !== "--pools");
const modes = words.includes("--pools") ? POOLS : [USUAL];
const chosen = partsOf()
  .filter(({ name }) => modes[0] === USUAL || name.startsWith("test/"))
  .filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
const scratch = mkdtempSync(join(tmpdir(), "berth-tests-"));
const total: Outcome = { passed: 0, failed: 0, skipped: 0 };
const broken: string[] = [];
try {
  if (words.length === 0) {
    const ok = (await exec(join(ROOT, "tools/check"), [])) === 0;
    if (ok) total.passed += 1;
    else {
      total.failed += 1;
      broken.push("tools/check");
    }
  }
  for (const [part, mode] of modes.flatMap((each) => chosen.map((part) => [part, each] as const))) {
    const name = part.name + mode.suffix;
    console.log(`\n== ${name}`);
    const started = performance.now();
    const outcome = await run(part, mode.env, scratch);
    if (outcome.failed > 0) broken.push(name);
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
    console.log(`== ${name}: ${outcome.passed} passed, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (broken.length > 0) console.log(`\nfailed: ${broken.join(", ")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
