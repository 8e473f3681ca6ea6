import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../../src/base/index.ts";
import { createRegistryClient } from "../../../src/registry/index.ts";
import { DOCKER_MANIFEST, OCI_MANIFEST } from "../../../src/spec/index.ts";
import { DockerRegistry, hasDockerRegistry } from "../../support/docker-registry.ts";
import { BERTH } from "../../support/engine.ts";
import { run } from "../../support/process.ts";

setDefaultTimeout(120_000);

const available = hasDockerRegistry();
const version = (await run("docker", ["--version"]).catch(() => ({ stdout: "no docker CLI" }))).stdout;
const comparable = available && version.includes("version 28.");
if (!comparable) console.log(`skipped: berth's texts are those of docker CLI 28, this machine has ${version}`);

let registry: DockerRegistry;
let folder: string;

beforeAll(async () => {
  if (!available) return;
  registry = await DockerRegistry.start();
  folder = await mkdtemp(join(tmpdir(), "berth-manifests-"));
  await put("app", "one", DOCKER_MANIFEST, { architecture: "amd64", os: "linux" });
  await put("app", "two", DOCKER_MANIFEST, { architecture: "arm64", os: "linux", variant: "v8" });
  await put("app", "nowhere", DOCKER_MANIFEST, { note: "<&>" });
  await put("other/app", "oci", OCI_MANIFEST, { architecture: "s390x", os: "linux" });
});
afterAll(async () => {
  if (!available) return;
  await rm(folder, { recursive: true, force: true });
  await registry[Symbol.asyncDispose]();
});

/** Puts an image of one layer into the registry. */
async function put(path: string, tag: string, mediaType: string, config: Record<string, unknown>): Promise<void> {
  const { signal } = new AbortController();
  const client = createRegistryClient({ insecure: [], mirrors: [] });
  const repository = client.repository({ domain: registry.host, path }, undefined, "push");
  const blob = async (text: string, type: string) => {
    const data = Buffer.from(text);
    async function* open(): AsyncGenerator<Uint8Array> {
      yield data;
    }
    const [digest, size] = [sha256(data), data.length];
    await repository.uploadBlob({ digest, size }, open, signal);
    return { mediaType: type, size, digest };
  };
  const kind = mediaType === OCI_MANIFEST ? "oci.image" : "docker.container.image";
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: await blob(JSON.stringify({ ...config, tag }), `application/vnd.${kind}.config.v1+json`),
    layers: [await blob(`layer of ${tag}`, `application/vnd.${kind}.layer.v1.tar`)],
  };
  const bytes = Buffer.from(JSON.stringify(manifest, undefined, 1)); // its bytes must come back as they are
  await repository.putManifest(tag, bytes, mediaType, signal);
}

const outcome = async (program: "docker" | "berth", args: readonly string[]) => {
  const words = args.map((word) => word.replaceAll("HOST", registry.host));
  const env = { DOCKER_CONFIG: join(folder, program), HOME: folder };
  const { code, stdout, stderr } = await run(program === "docker" ? "docker" : BERTH, ["manifest", ...words], { env });
  return { code, stdout: clean(stdout), stderr: clean(stderr) };
};
const clean = (text: string) => text.replaceAll(registry.host, "HOST").replace(/docker( manifest|:)/g, "berth$1");
const berth = (...args: string[]) => outcome("berth", args);

describe.skipIf(!available)("a manifest list", () => {
  test("is begun, annotated, pushed and found again", async () => {
    const list = "HOST/app:life";
    expect(await berth("create", "--insecure", list, "HOST/app:one", "HOST/app:two")).toEqual({
      code: 0,
      stdout: `Created manifest list ${list}\n`,
      stderr: "",
    });
    expect((await berth("annotate", list, "HOST/app:one", "--os-features", "a,b", "--variant", "v1")).code).toBe(0);
    const before = await berth("inspect", list);
    const pushed = await berth("push", "--insecure", "--purge", list);
    expect(pushed.stderr).toBe("");
    expect(await readdir(join(folder, "berth/manifests"))).toEqual([]);
    const after = await berth("inspect", "--insecure", list);
    expect(after).toEqual(before);
    expect(pushed.stdout).toBe(`${sha256(after.stdout.trimEnd())}\n`);
    expect(JSON.parse(after.stdout)).toMatchObject({
      manifests: [
        { platform: { architecture: "amd64", os: "linux", "os.features": ["a", "b"], variant: "v1" } },
        { platform: { architecture: "arm64", os: "linux", variant: "v8" } },
      ],
    });
    expect((await berth("push", "--insecure", list)).stderr).toBe(`No such manifest: ${list}\n`);
  });

  test("takes over what is in another repository of the registry", async () => {
    const list = "HOST/app:both";
    expect((await berth("create", "--insecure", list, "HOST/other/app:oci")).code).toBe(0);
    expect((await berth("push", "--insecure", list)).stdout).toMatch(
      /^Pushed ref HOST\/app@(sha256:\w+) with digest: \1\nsha256:\w+\n$/,
    );
    const { stdout } = await berth("inspect", "--insecure", "-v", list);
    expect(JSON.parse(stdout)).toMatchObject([{ OCIManifest: { mediaType: OCI_MANIFEST } }]);
  });
});

// In order: later commands use what earlier ones made.
const commands: readonly (readonly string[])[] = [
  [],
  ["create"],
  ["inspect"],
  ["inspect", "--nope"],
  ["inspect", "--insecure", "HOST/app:one"],
  ["inspect", "--insecure", "-v", "HOST/app:one"],
  ["inspect", "--insecure", "-v", "HOST/app:nowhere"],
  ["inspect", "--insecure", "-v", "HOST/other/app:oci"],
  ["inspect", "HOST/app:one"],
  ["inspect", "--insecure", "HOST/app:missing"],
  ["inspect", "--insecure", "HOST/missing:1"],
  ["inspect", "--insecure", `HOST/app@sha256:${"a".repeat(64)}`],
  ["inspect", "127.0.0.1:1/app:1"],
  ["inspect", "Upper"],
  ["inspect", "a:b", "c:d"],
  ["create", "HOST/app:list", "HOST/app:one"],
  ["create", "--insecure", "HOST/app:list", "HOST/app:one", "HOST/app:missing"],
  ["create", "--insecure", "HOST/app:list", "HOST/app:one"],
  ["create", "--insecure", "--amend", "HOST/app:list", "HOST/app:one", "HOST/app:two"],
  ["create", "Upper", "a"],
  ["inspect", "HOST/app:list"],
  ["inspect", "-v", "HOST/app:list"],
  ["inspect", "HOST/app:list", "HOST/app:two"],
  ["annotate", "HOST/app:list", "HOST/app:one", "--arch", "arm", "--variant", "v7", "--os-version", "1"],
  ["annotate", "HOST/app:list", "HOST/app:one", "--os-features", "x,y", "--os-features", "x"],
  ["annotate", "HOST/app:list", "HOST/app:one", "--os", "plan9"],
  ["annotate", "HOST/app:list", "HOST/app:missing", "--arch", "arm"],
  ["annotate", "HOST/app:none", "HOST/app:one", "--arch", "arm"],
  ["annotate", "Upper", "HOST/app:one"],
  ["annotate", "HOST/app:list", "Upper"],
  ["inspect", "HOST/app:list"],
  ["push", "HOST/app:list"],
  ["push", "-p", "--insecure", "HOST/app:list"],
  ["push", "HOST/app:list"],
  ["inspect", "--insecure", "HOST/app:list"],
  ["inspect", "--insecure", "-v", "HOST/app:list"],
  ["create", "--insecure", "HOST/app:list2", "HOST/app:list"],
  ["create", "--insecure", "HOST/app:bare", "HOST/app:nowhere"],
  ["push", "HOST/app:bare"],
  ["create", "--insecure", "HOST/app:mixed", "HOST/app:two", "HOST/other/app:oci"],
  ["push", "HOST/app:mixed"],
  ["create", "--insecure", "localhost/app:x", "HOST/app:one"],
  ["inspect", "localhost/app:x"],
  ["push", "localhost/app:x"],
  ["rm", "HOST/app:mixed", "Upper", "nothing", "localhost/app:x"],
  ["rm", "HOST/app:mixed"],
  ["push", "Upper"],
];

describe.skipIf(!comparable)("berth answers as docker's command does", () => {
  for (const [index, args] of commands.entries()) {
    test(`${index}: manifest ${args.join(" ")}`, async () => {
      const docker = await outcome("docker", args);
      if (args.length === 0) expect((await outcome("berth", args)).code).toBe(docker.code);
      else expect(await outcome("berth", args)).toEqual(docker);
    });
  }

  test("and goes on with a list that docker's command began", async () => {
    await outcome("docker", ["create", "--insecure", "HOST/app:shared", "HOST/app:one"]);
    const env = { DOCKER_CONFIG: join(folder, "docker"), HOME: folder };
    const { stdout, code } = await run(BERTH, ["manifest", "inspect", `${registry.host}/app:shared`], { env });
    expect(code).toBe(0);
    expect(clean(stdout)).toBe((await outcome("docker", ["inspect", "HOST/app:shared"])).stdout);
  });
});
