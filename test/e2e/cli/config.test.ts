import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { contextDirectories } from "../../../src/client/index.ts";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { output, run } from "../../support/process.ts";
import { cleaned } from "./compare.ts";

/** What the client's configuration folder and the environment change, told alike by both commands. */

const version = await output("docker", ["--version"]).catch(() => "no docker CLI");
const comparable = version.includes("version 28.");
if (!comparable) console.log(`skipped: berth's texts are those of docker CLI 28, this machine has ${version}`);

interface Case {
  /** The text of config.json. */
  config: string;
  line: string;
  env?: Record<string, string>;
}

const PROXIES = {
  httpProxy: "http://p:1",
  httpsProxy: "http://p:2",
  noProxy: "a,b",
  ftpProxy: "ftp://p",
  allProxy: "all",
};
const ENV = "busybox:local env";

const cases: readonly Case[] = [
  // what cannot be read is told, and the rest is done without
  ...["{bad", "[]", '"x"', "nonsense", '{"a":1,}', "{", '{"a"', "{'a':1}", '{"a":tru}'].map((config) => ({ config })),
  ...["null", "", " ", '{"unknown":1}'].map((config) => ({ config })),
  ...[
    { HttpHeaders: 3 },
    { HttpHeaders: { a: 1 } },
    { psFormat: 3 },
    { auths: [] },
    { auths: { a: { auth: "bad" } } },
    { auths: { a: { auth: "YWJj" } } },
    { auths: { a: { auth: "YTpi" } } },
    { auths: { a: { identitytoken: true } } },
    { proxies: [] },
    { proxies: { default: { httpProxy: 1 } } },
    { credHelpers: { a: 1 } },
    { currentContext: 4 },
    { detachKeys: [] },
    { pruneFilters: "x" },
    { psFormat: "{{.Names}}", imagesFormat: 1 },
  ].map((config) => ({ config: JSON.stringify(config) })),
].map((each) => ({ ...each, line: "ps -a --no-trunc" }));

const settings: readonly Case[] = [
  // a credential helper that is not there
  ...["logout", "logout a.example"].map((line) => ({
    line,
    config: JSON.stringify({ credHelpers: { "https://index.docker.io/v1/": "missing", "a.example": "missing" } }),
  })),
  // formats
  ...["ps -a", "ps -aq", "container ls -a", "ps -a --format {{.Image}}"].map((line) => ({
    line,
    config: JSON.stringify({ psFormat: "{{.Names}}|{{.State}}" }),
  })),
  ...["images", "images -q", "network ls", "volume ls", "stats --no-stream made"].map((line) => ({
    line,
    config: JSON.stringify({
      imagesFormat: "{{.Repository}}!{{.Tag}}",
      networksFormat: "N {{.Name}}",
      volumesFormat: "V {{.Name}}",
      statsFormat: "S {{.Name}}",
    }),
  })),
  { line: "ps", config: JSON.stringify({ psFormat: "{{.Foo}}" }) },
  { line: "ps", config: JSON.stringify({ psFormat: "{{.Foo" }) },
  // filters of prunes: Docker's command adds them to others only
  ...["container", "volume", "network", "image"].map((what) => ({
    line: `${what} prune -f --filter label=x`,
    config: JSON.stringify({ pruneFilters: ["label=nosuch", "without", "label!=keep"] }),
  })),
  {
    line: "system prune --filter label!=nosuch --filter label=other",
    config: JSON.stringify({ pruneFilters: ["label=nosuch", "label!=other", "label=third"] }),
  },
  // proxies of containers
  ...["", "-e HTTP_PROXY=mine ", "-e http_proxy ", "-e NO_PROXY= "].map((flags) => ({
    line: `run --rm ${flags}${ENV}`,
    config: JSON.stringify({ proxies: { default: PROXIES } }),
  })),
  {
    line: `run --rm ${ENV}`,
    config: JSON.stringify({ proxies: { HOST: { httpProxy: "http://own" }, default: PROXIES } }),
  },
  // contexts that are chosen and are not there, or cannot be read
  ...["ps", "context ls", "context ls --format json", "context show", "context inspect"].flatMap((line) => [
    { line, config: JSON.stringify({ currentContext: "nosuch" }), env: { DOCKER_HOST: "" } },
    { line, config: "{}", env: { DOCKER_HOST: "", DOCKER_CONTEXT: "nosuch" } },
    { line, config: "{}", env: { DOCKER_HOST: "", DOCKER_CONTEXT: "broken" } },
  ]),
  { line: "context show", config: JSON.stringify({ currentContext: "nosuch" }) },
  // the platform of images
  { line: "create busybox:local", config: "{}", env: { DOCKER_DEFAULT_PLATFORM: "a/b/c/d" } },
  { line: "run --rm --pull never busybox:local true", config: "{}", env: { DOCKER_DEFAULT_PLATFORM: "linux/arm64" } },
  {
    line: "run --rm --platform linux/amd64 busybox:local true",
    config: "{}",
    env: { DOCKER_DEFAULT_PLATFORM: "linux/arm64" },
  },
  // versions of the API
  ...["1.41", "9.9", "1.2"].map((api) => ({ line: "ps -q", config: "{}", env: { DOCKER_API_VERSION: api } })),
];

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  expect((await engine.berth(["create", "--name", "made", "-l", "keep", "busybox:local"])).code).toBe(0);
});
afterAll(() => engine[Symbol.asyncDispose]());

describe.skipIf(!comparable)("both commands do the same by the configuration", () => {
  test.each(
    [...cases, ...settings].map((each) => [`${each.line} ${JSON.stringify(each.env ?? {})} ${each.config}`, each]),
  )("%s", async (_title, each) => {
    const docker = await outcome("docker", each);
    expect(await outcome("berth", each)).toBe(docker);
  });
});

describe("the configuration", () => {
  test("filters of prunes hold for a prune without any, too", async () => {
    const folder = await configured("berth", JSON.stringify({ pruneFilters: ["label!=keep"] }));
    const env = { ...engine.clientEnv(), HOME: engine.folder, DOCKER_CONFIG: folder };
    const { stdout } = await run(BERTH, ["container", "prune", "-f"], { env });
    expect(stdout).toEndWith("Total reclaimed space: 0B\n");
    expect((await engine.berth(["ps", "-a", "--format", "{{.Names}}"])).stdout).toContain("made\n");
  });

  test("a configuration that cannot be read is not written over", async () => {
    const folder = await configured("berth", "{bad");
    const env = { ...engine.clientEnv(), BERTH_HOST: "", DOCKER_HOST: "", HOME: engine.folder, DOCKER_CONFIG: folder };
    expect((await run(BERTH, ["context", "create", "far", "--docker", "host=tcp://127.0.0.1:1"], { env })).code).toBe(
      0,
    );
    const { code, stderr } = await run(BERTH, ["context", "use", "far"], { env });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("is left as it is") });
    expect(await readFile(join(folder, "config.json"), "utf8")).toBe("{bad");
  });

  test("proxies are told to containers, unless they are given others", async () => {
    const config = JSON.stringify({ proxies: { HOST: { httpProxy: "http://own" }, default: PROXIES } });
    const env = { ...engine.clientEnv(), HOME: engine.folder, DOCKER_CONFIG: await configured("berth", config) };
    const variables = async (...flags: string[]) =>
      (await run(BERTH, ["run", "--rm", ...flags, ...ENV.split(" ")], { env })).stdout.split("\n");
    expect(await variables()).toEqual(expect.arrayContaining(["HTTP_PROXY=http://own", "http_proxy=http://own"]));
    expect(await variables("-e", "http_proxy=mine")).toEqual(
      expect.arrayContaining(["HTTP_PROXY=http://own", "http_proxy=mine"]),
    );
  });
});

async function configured(name: string, config: string): Promise<string> {
  const folder = join(engine.folder, `config-${name.slice(0, 2)}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), config.replace("HOST", `unix://${engine.socket}`));
  return folder;
}

/** What a command says and ends with; variables of containers in order, since Go's maps have none. */
async function outcome(name: "docker" | "berth", { config, line, env }: Case): Promise<string> {
  const folder = await configured(name, config);
  if (env?.["DOCKER_CONTEXT"] === "broken") {
    const { meta } = await contextDirectories(folder, "broken");
    await mkdir(meta, { recursive: true });
    await writeFile(join(meta, "meta.json"), "bad");
  }
  const all = { ...engine.clientEnv(), BERTH_HOST: "", HOME: engine.folder, DOCKER_CONFIG: folder, ...env };
  const { stdout, stderr, code } = await run(name === "docker" ? "docker" : BERTH, line.split(" "), { env: all });
  const clean = (text: string) => cleaned(text.replaceAll(folder, "CONFIG"), { name, id: "{none}" }, true);
  const lines = line.endsWith(ENV) ? clean(stdout).split("\n").sort().join("\n") : clean(stdout);
  return [lines, clean(stderr), `code ${code}`]
    .join("\n")
    .replaceAll("unix:///var/run/docker.sock", "unix:///run/berth.sock")
    .replace(/ {2,}|(?<=-)-+/g, " ");
}
