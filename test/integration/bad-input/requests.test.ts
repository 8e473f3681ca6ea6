import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { settledInventory } from "../../support/recordings.ts";

/** Requests that are wrong: Docker's status and text, nothing left behind, and the daemon answers the next one. */
let engine: TestEngine;
let before: string[];
beforeAll(async () => {
  engine = await startEngine();
  before = await inventory(engine);
});
afterAll(async () => {
  const after = await settledInventory(engine, before);
  await engine[Symbol.asyncDispose]();
  expect(after).toEqual(before);
});

const JSON_TYPE = { "Content-Type": "application/json" };
const create = (text: string, headers: Record<string, string> = JSON_TYPE) =>
  engine.api("POST", "/v1.51/containers/create", text, headers);
const withHost = (host: unknown) => JSON.stringify({ Image: "busybox:local", HostConfig: host });

describe("a body of create", () => {
  const cases: Array<[what: string, body: string, message: string | RegExp]> = [
    ["no JSON", "{bad", "invalid JSON: invalid character 'b' looking for beginning of object key string"],
    [
      "a wrong type",
      '{"Image":7}',
      /^invalid JSON: json: cannot unmarshal number into Go struct field .*Image of type string$/,
    ],
    ["a list", "[]", /^invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest$/],
    ["nothing", "", "invalid JSON: got EOF while reading request body"],
    ["null", "null", "config cannot be empty in order to create a container"],
    ["more behind it", '{"Image":"busybox:local"} x', "unexpected content after JSON"],
    ["too little memory", withHost({ Memory: 1 }), "Minimum memory limit allowed is 6MB"],
    [
      "processors that are not there",
      withHost({ NanoCpus: 9e14 }),
      /^range of CPUs is from 0.01 to \d+.00, as there are only \d+ CPUs available$/,
    ],
    [
      "a huge cpuset",
      withHost({ CpusetCpus: "0-999999999" }),
      "Invalid value 0-999999999 for cpuset cpus: value of out range, maximum is 8192",
    ],
    [
      "a foreign cpuset",
      withHost({ CpusetCpus: "8000" }),
      /^Requested CPUs are not available - requested 8000, available: 0/,
    ],
  ];
  test.each(cases)("%s", async (_what, body, message) => {
    const answer = await create(body);
    const { message: said } = answer.json as { message: string }; // an error's shape
    expect(answer.status).toBe(400);
    if (typeof message === "string") expect(said).toBe(message);
    else expect(said).toMatch(message);
  });

  test("of another type", async () => {
    const answer = await create('{"Image":"busybox:local"}', { "Content-Type": "text/plain" });
    expect(answer).toMatchObject({
      status: 400,
      json: { message: "unsupported Content-Type header (text/plain): must be 'application/json'" },
    });
  });

  test("nested without end", async () => {
    for (const text of ["[".repeat(500_000), `{"Labels":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`]) {
      expect((await create(text)).status).toBe(400);
    }
  });
});

describe("CVE-2018-20699: huge cpusets", () => {
  test("are refused without taking memory", async () => {
    const sets = [
      "0-4294967295",
      "0-18446744073709551615",
      "-1",
      "0--1",
      "9-0",
      `0-${"9".repeat(100_000)}`,
      "1,".repeat(100_000),
    ];
    for (const CpusetCpus of sets) expect((await create(withHost({ CpusetCpus }))).status).toBe(400);
    for (const CpusetMems of sets) expect((await create(withHost({ CpusetMems }))).status).toBe(400);
  });
});

describe("a version", () => {
  test("that is too new or too old", async () => {
    expect(await engine.api("GET", "/v9.99/info")).toMatchObject({
      status: 400,
      json: { message: "client version 9.99 is too new. Maximum supported API version is 1.51" },
    });
    const old = await engine.api("GET", "/v1.0/info");
    expect(old.status).toBe(400);
    expect(old.text).toContain("client version 1.0 is too old. Minimum supported API version is 1.24");
  });

  test("or a path that is none", async () => {
    for (const [method, path] of [
      ["GET", "/vx/info"],
      ["GET", "/v1.51/nothing"],
      ["PUT", "/v1.51/info"],
      ["DELETE", "/_ping"],
    ] as const) {
      expect(await engine.api(method, path)).toMatchObject({ status: 404, json: { message: "page not found" } });
    }
  });
});

describe("bytes that are no request", () => {
  const cases: Array<[what: string, sent: string | Buffer, status: RegExp]> = [
    ["binary", Buffer.from([0, 1, 2, 13, 10, 13, 10]), /^HTTP\/1.1 400 /],
    ["no target", "GET\r\n\r\n", /^HTTP\/1.1 400 /],
    ["no host", "GET /v1.51/info HTTP/1.1\r\n\r\n", /^HTTP\/1.1 400 /],
    ["another protocol", "GET / HTTP/9.9\r\n\r\n", /^HTTP\/1.1 505 /],
    [
      "a negative length",
      "POST /v1.51/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
      /^HTTP\/1.1 400 /,
    ],
    [
      "two lengths",
      "POST /v1.51/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
      /^HTTP\/1.1 400 /,
    ],
    [
      "a broken chunk",
      "POST /v1.51/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      /^HTTP\/1.1 400 /,
    ],
    ["a broken escape", "GET /v1.51/images/%zz/json HTTP/1.1\r\nHost: d\r\n\r\n", /^HTTP\/1.1 400 /],
    [
      "a head of megabytes",
      `GET /v1.51/info HTTP/1.1\r\nHost: d\r\nX-Big: ${"a".repeat(3_000_000)}\r\n\r\n`,
      /^HTTP\/1.1 431 /,
    ],
    [
      "thousands of fields",
      `GET /v1.51/info HTTP/1.1\r\nHost: d\r\n${"X-A: b\r\n".repeat(300_000)}\r\n`,
      /^HTTP\/1.1 431 /,
    ],
  ];
  test.each(cases)("%s", async (_what, sent, status) => {
    expect(await rawAnswer(sent)).toMatch(status);
    expect(await engine.answers()).toBe(true);
  });

  test("a name of many kilobytes is only a name", async () => {
    expect((await engine.api("GET", `/v1.51/containers/${"a".repeat(30_000)}/json`)).status).toBe(404);
  });

  test("a query of many kilobytes is only a query", async () => {
    const answer = await engine.api(
      "GET",
      `/v1.51/containers/json?filters=${encodeURIComponent(`{"label":["${"a".repeat(30_000)}"]}`)}`,
    );
    expect(answer).toMatchObject({ status: 200, json: [] });
  });
});

/** What a connection is answered before the engine closes it or the head of an answer has come. */
function rawAnswer(sent: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(engine.socket);
    const done = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => socket.write(sent));
    socket.on("data", (data: Buffer) => {
      answer += data.toString("latin1");
      if (answer.includes("\r\n\r\n")) done();
    });
    socket.on("error", () => undefined); // it is closed on us while we send: what counts is what it said
    socket.on("close", done);
  });
}
