/** Fails when a file of src/ imports upwards, or reaches into another folder past its index.ts (docs/architecture.md). */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const ROOT = new URL("..", import.meta.url).pathname;

/** Folder → layer. A folder may import the index.ts of folders with a lower number. */
const LAYERS: Record<string, number> = {
  base: 0,
  spec: 1,
  metrics: 1,
  regex: 1,
  sys: 1,
  store: 2,
  template: 2,
  wire: 2,
  api: 3,
  archive: 4,
  content: 4,
  events: 4,
  snapshot: 5,
  runtime: 6,
  registry: 5,
  network: 6,
  volume: 6,
  logging: 6,
  image: 7,
  container: 8,
  server: 9,
  daemon: 10,
  client: 5,
  cli: 6,
  bin: 11,
};

/** Clients know of the engine only what comes over its API. */
const CLIENT_MAY_USE = new Set(["base", "spec", "api", "archive", "template", "registry", "client"]);
/** Entry points start lazily loaded parts by their own files. */
const EXEMPT = new Set(["bin"]);

const problems: string[] = [];
for (const file of globSync("src/**/*.ts", { cwd: ROOT })) {
  const folder = file.split("/")[1] ?? "";
  const layer = LAYERS[folder];
  if (layer === undefined) {
    problems.push(`${file}: folder ${folder} has no layer: add it to tools/check-layers.ts`);
    continue;
  }
  for (const target of importsOf(file)) {
    const problem = judge(file, folder, layer, target);
    if (problem !== undefined) problems.push(`${file}: ${problem}`);
  }
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"(\.[^"]+)"/g);
  return [...found].map((match) => normalize(join(dirname(file), match[1] ?? "")));
}

function judge(file: string, folder: string, layer: number, target: string): string | undefined {
  const parts = target.split("/");
  if (parts[0] !== "src") {
    return file.endsWith(".test.ts") || EXEMPT.has(folder) ? undefined : `imports ${target} outside of src`;
  }
  const other = parts[1] ?? "";
  if (other === folder || EXEMPT.has(folder)) return undefined;
  const otherLayer = LAYERS[other];
  if (otherLayer === undefined) return `imports ${target}, a folder without a layer`;
  if (otherLayer >= layer && !file.endsWith(".test.ts")) return `imports ${target}: ${other} is not below ${folder}`;
  if ((folder === "cli" || folder === "client") && !CLIENT_MAY_USE.has(other))
    return `imports ${target}: clients may not`;
  if (parts.slice(2).join("/") !== "index.ts") return `imports ${target}: use src/${other}/index.ts`;
  return undefined;
}
