import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { DockerRegistry, hasDockerRegistry } from "../../support/docker-registry.ts";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { output } from "../../support/process.ts";
import { outcomeOf } from "./compare.ts";

/** Commands whose output has ports, digests or instants of its own: both ask about the very same container and registry. */

const version = await output("docker", ["--version"]).catch(() => "no docker CLI");
const comparable = version.includes("version 28.");
if (!comparable) console.log(`skipped: berth's texts are those of docker CLI 28, this machine has ${version}`);

let engine: TestEngine;

/** What a command says and ends with, called by either name. */
async function outcome(name: "docker" | "berth", args: readonly string[]): Promise<string> {
  const env = {
    ...engine.clientEnv(),
    BERTH_HOST: "",
    HOME: engine.folder,
    DOCKER_CONFIG: join(engine.folder, `client-${name}`),
  };
  const command = [name === "docker" ? "docker" : BERTH] as const;
  return await outcomeOf({ args: [...args] }, { name, command, id: "{none}", folder: engine.folder }, env);
}

const quietly = async (...args: string[]) => {
  const { code, stderr } = await engine.berth(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
};

describe.skipIf(!comparable)("of one container both commands say the same", () => {
  let until = "";
  beforeAll(async () => {
    engine = await startEngine();
    const ports = ["-p", "127.0.0.1::80", "-p", "127.0.0.1::53/udp", "-p", "127.0.0.1::53", "--expose", "81"];
    await quietly("run", "-d", "--name", "web", ...ports, "busybox:local", "sleep", "1000");
    const script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 4";
    await quietly("run", "-d", "--name", "told", "busybox:local", "sh", "-c", script);
    await quietly("wait", "told");
    until = (Date.now() / 1000).toFixed(3);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test.each([
    ["port web"],
    ["port web 80"],
    ["port web 80/tcp"],
    ["port web 53/udp"],
    ["port web 81"],
    ["port web 80/sctp"],
    ["container port web 53"],
    ["ps -a --no-trunc --format {{.Names}}|{{.Ports}}|{{.Status}}"],
    ["inspect web"],
    ["inspect -s told"],
    ["top web"],
    ["top web -o pid,args"],
    ["diff told"],
    ["wait told told"],
    ["logs -f told"],
    ["logs -ft told"],
    ["logs -f --tail 2 --details told"],
    ["logs --since 1 --until UNTIL told"],
    ["events --since 0 --until UNTIL --filter container=told"],
    ["events --since 0 --until UNTIL --format json"],
    [
      "events --since 0 --until UNTIL --format {{.Status}}|{{.ID}}|{{.From}}|{{.Type}}|{{.Action}}|{{.Scope}}|{{.Actor.ID}}",
    ],
    ["events --since 0 --until UNTIL --format {{.Time}}|{{.TimeNano}}|{{.Actor.Attributes.name}}|{{json.}}"],
    ["events --since 0 --until UNTIL --format {{.status}}"],
    ["events --since 0 --until UNTIL --format {{len.Time}}"],
    ["stats --no-stream --format {{.Name}}|{{.ID}}|{{.PIDs}} web"],
    ["network inspect bridge"],
    ["start -a told"],
  ])("%s", async (line) => {
    const args = line.split(" ").map((word) => word.replace("UNTIL", until));
    const docker = await outcome("docker", args);
    expect(docker).not.toContain("unknown command");
    expect(await outcome("berth", args)).toBe(docker);
  });
});

describe.skipIf(!comparable || !hasDockerRegistry())("of one registry both commands say the same", () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    [engine, registry] = await Promise.all([startEngine(), DockerRegistry.start()]);
    for (const tag of ["1", "2"]) await quietly("tag", "busybox:local", `${registry.host}/team/app:${tag}`);
    await quietly("push", "-q", `${registry.host}/team/app:1`);
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });

  /** The image without any name of it, so that its layer has to come again. */
  async function forget(): Promise<void> {
    const images = ["busybox:local", ...["1", "2"].map((tag) => `${registry.host}/team/app:${tag}`)];
    await engine.berth(["rmi", "-f", ...images]);
  }

  test.each([
    ["push HOST/team/app:1", false],
    ["push -q HOST/team/app:1", false],
    ["push -a HOST/team/app", false],
    ["push HOST/team/nosuch:1", false],
    ["image push HOST/team/app", false],
    ["pull HOST/team/app:1", true],
    ["pull HOST/team/app:1", false],
    ["pull -q HOST/team/app:1", true],
    ["pull -a HOST/team/app", true],
    ["pull --platform linux/amd64 HOST/team/app:2", true],
    ["pull HOST/team/app", true],
    ["pull HOST/team/app:nosuch", true],
    ["pull HOST/nosuch:1", true],
    ["run --rm HOST/team/app:1 echo hello", true],
    ["run --rm -q HOST/team/app:1 echo hello", true],
    ["run --rm --pull always HOST/team/app:1 echo hello", false],
    ["run --rm --pull never HOST/team/app:1 echo hello", true],
    ["create --rm HOST/nosuch:1", true],
  ] as const)("%s, anew: %p", async (line, anew) => {
    const args = line.split(" ").map((word) => word.replace("HOST", registry.host));
    if (anew) await forget();
    const docker = await outcome("docker", args);
    if (anew) await forget();
    expect(await outcome("berth", args)).toBe(docker);
  });
});
