import { afterAll, beforeAll, expect, test } from "bun:test";
import { dockerOutput, startEngine, type TestEngine } from "../support/engine.ts";

let engine: TestEngine;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** What `docker events` tells of the past. */
async function events(since: string, until: string, ...filters: string[]): Promise<string[]> {
  const given = filters.flatMap((filter) => ["--filter", filter]);
  const format = ["--format", "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}"];
  const text = await dockerOutput(engine, ["events", "--since", since, "--until", until, ...given, ...format]);
  return text === "" ? [] : text.split("\n");
}

const now = async () => {
  const { json } = await engine.api("GET", "/info");
  return (json as { SystemTime: string }).SystemTime; // the API's shape
};

const run = (name: string, ...more: string[]) =>
  dockerOutput(engine, ["run", "--name", name, "--network=none", ...more, "busybox:local", "true"]);

test("events are found by time and filters after the daemon was killed, and after it was restarted", async () => {
  const begin = await now();
  await run("one", "--label", "tier=front");
  await dockerOutput(engine, ["volume", "create", "things"]);
  const between = await now();
  await engine.kill9();
  await engine.start();
  await run("two");
  await engine.restart();
  await dockerOutput(engine, ["rm", "one", "two"]);
  const end = await now();

  const all = await events(begin, end);
  const of = (name: string) => all.filter((line) => line.startsWith("container ") && line.endsWith(` ${name}`));
  const life = ["create", "attach", "start", "die", "destroy"];
  expect(of("one")).toEqual(life.map((action) => `container ${action} one`));
  expect(of("two")).toEqual(life.map((action) => `container ${action} two`));

  expect(await events(begin, between, "type=container", "event=start", "event=die")).toEqual([
    "container start one",
    "container die one",
  ]);
  expect(await events(between, end, "type=container", "event=die")).toEqual(["container die two"]);
  expect(await events(begin, end, "container=two", "event=create")).toEqual(["container create two"]);
  expect(await events(begin, end, "label=tier=front", "event=start")).toEqual(["container start one"]);
  expect(await events(begin, end, "image=busybox:local", "event=start")).toEqual([
    "container start one",
    "container start two",
  ]);
  const made = await dockerOutput(engine, ["events", "--since", begin, "--until", end, "--filter", "type=volume"]);
  expect(made).toContain("volume create things");
  expect(await events(begin, end, "container=nosuch")).toEqual([]);
  await dockerOutput(engine, ["volume", "rm", "things"]);
});
