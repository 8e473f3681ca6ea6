import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { BERTH, startEngine, type TestEngine } from "../../support/engine.ts";
import { output } from "../../support/process.ts";
import { type CliCase, cliCases } from "./cases.ts";
import { outcomeOf } from "./compare.ts";
import { flagCases } from "./flag-cases.ts";
import { nameCases } from "./name-cases.ts";

const version = await output("docker", ["--version"]).catch(() => "no docker CLI");
// Texts of the CLI change between its major versions; berth's are those of this one.
const comparable = version.includes("version 28.");
if (!comparable) console.log(`skipped: berth's texts are those of docker CLI 28, this machine has ${version}`);

describe.skipIf(!comparable)("berth answers as docker's command does on the same engine", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  // In order: later cases use what earlier ones made.
  for (const [index, each] of cliCases.entries()) {
    test(`${index}: ${each.args.join(" ")}`, async () => {
      const docker = await outcome(each, "docker");
      expect(await outcome(each, "berth")).toBe(docker);
    });
  }

  // Nothing is made by these, so both commands may run at once
  for (const [index, each] of [...nameCases, ...flagCases].entries()) {
    test(`alone ${index}: ${each.args.join(" ")}`, async () => {
      const [docker, berth] = await Promise.all([outcome(each, "docker"), outcome(each, "berth")]);
      expect(berth).toBe(docker);
    });
  }

  function outcome(each: CliCase, name: "docker" | "berth"): Promise<string> {
    const id = `${name.slice(0, 2)}${process.pid}`;
    const env = {
      ...engine.clientEnv(),
      BERTH_HOST: "", // warnings name the variable that counts, so both shall go by the same one
      HOME: engine.folder,
      DOCKER_CONFIG: join(engine.folder, `client-${id}`),
    };
    return outcomeOf(each, { name, command: [name === "docker" ? "docker" : BERTH], id, folder: engine.folder }, env);
  }
});
