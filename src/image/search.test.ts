import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { RegistryAuth } from "../registry/index.ts";
import { call, failure, testEngine, type TestEngine } from "./testing/engine.ts";
import { TestRegistry } from "./testing/registry.ts";

setDefaultTimeout(120_000);

let engine: TestEngine;
let registry: TestRegistry;
let seen: string[];
let answer: { status: number; body: string };

beforeEach(async () => {
  registry = await TestRegistry.start();
  engine = await testEngine();
  seen = [];
  const results = [
    { name: "a/b", description: "x\ny", star_count: 3, is_official: false, is_automated: true, more: 1 },
    { name: "c", star_count: 30, is_official: true },
    { name: 7, star_count: "many", is_official: "yes" },
    "nothing",
  ];
  answer = { status: 200, body: JSON.stringify({ results }) };
  registry.intercept = (request, response) => {
    if (request.url?.startsWith("/v1/") !== true) return false;
    seen.push(`${request.url} ${request.headers.authorization ?? "-"}`);
    response.writeHead(request.url === "/v1/_ping" ? 404 : answer.status).end(answer.body);
    return true;
  };
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const search = (
  term: string,
  filters: Record<string, string[]> = {},
  { limit, auth }: { limit?: number; auth?: RegistryAuth } = {},
) => engine.images.search({ term, limit, filters: new Map(Object.entries(filters)) }, auth, call);
const names = async (filters: Record<string, string[]>) =>
  (await search(`${registry.host}/x`, filters)).map(({ name }) => name);

describe("a search", () => {
  test("asks the registry that the term names, in the old protocol", async () => {
    const found = await search(`${registry.host}/some/thing`, {}, { limit: 7, auth: { username: "a", password: "b" } });
    expect(found).toEqual([
      { name: "a/b", description: "x\ny", star_count: 3, is_official: false, is_automated: false },
      { name: "c", description: "", star_count: 30, is_official: true, is_automated: false },
      { name: "", description: "", star_count: 0, is_official: false, is_automated: false },
    ]);
    expect(seen).toEqual([
      "/v1/_ping -",
      `/v1/search?q=some%2Fthing&n=7 Basic ${Buffer.from("a:b").toString("base64")}`,
    ]);
  });

  test("leaves out what the filters do not take", async () => {
    expect(await names({ "is-official": ["true"] })).toEqual(["c"]);
    expect(await names({ "is-official": ["false"], stars: ["2"] })).toEqual(["a/b"]);
    expect(await names({ stars: ["1", "30"] })).toEqual(["c"]);
    seen.length = 0;
    expect(await names({ "is-automated": ["true"] })).toEqual([]);
    expect(seen).toEqual([]);
  });

  test("of a registry that cannot search, or lies, is an error", async () => {
    answer = { status: 404, body: "no" };
    expect(await failure(search(`${registry.host}/x`))).toBe("Unexpected status code 404");
    answer = { status: 200, body: "<html>" };
    expect(await failure(search(`${registry.host}/x`))).toContain("the answer is no JSON");
    answer = { status: 200, body: " ".repeat(5 * 1024 * 1024) };
    expect(await failure(search(`${registry.host}/x`))).toContain("larger than 4194304 bytes");
    answer = { status: 200, body: '{"results":{}}' };
    expect(await search(`${registry.host}/x`)).toEqual([]);
  });

  test("of nobody says what was tried", async () => {
    const closed = await TestRegistry.start();
    const gone = closed.host;
    await closed[Symbol.asyncDispose]();
    const refused = `dial tcp ${gone}: connect: connection refused`;
    expect(await failure(search(`${gone}/x`))).toBe(
      `invalid registry endpoint "http://${gone}/v1/". HTTPS attempt: Get "https://${gone}/v1/_ping": ${refused}. ` +
        `HTTP attempt: Get "http://${gone}/v1/_ping": ${refused}`,
    );
  });

  // As dockerd 28 words them.
  test.each<[text: string, term: string, filters: Record<string, string[]>, limit?: number]>([
    ["limit 101 is outside the range of [1, 100]", "x", {}, 101],
    ["limit -1 is outside the range of [1, 100]", "x", {}, -1],
    ["invalid filter 'is-official=[y]'", "x", { "is-official": ["y"] }],
    ["invalid filter 'is-official=[true false]'", "x", { "is-official": ["true", "false"] }],
    [`invalid filter 'stars=y': strconv.Atoi: parsing "y": invalid syntax`, "x", { stars: ["y"] }],
    ["invalid repository name: repository name (https://x) should not have a scheme", "https://x", {}],
  ])("is refused: %s", async (text, term, filters, limit) => {
    expect(await failure(search(term, filters, limit === undefined ? {} : { limit }))).toBe(text);
  });
});
