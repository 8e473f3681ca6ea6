import { describe, expect, test } from "bun:test";
import { conflict, type LogFields, notModified, silentLogger } from "../base/index.ts";
import type { ContainerCreateBody } from "../api/index.ts";
import { startTestServer } from "./testing/test-server.ts";
import type { RawClient } from "./testing/raw-client.ts";

async function answerTo(client: RawClient, method: string, path: string): Promise<string> {
  client.request(method, path);
  const { status, body } = await client.response();
  return `${status} ${body.trimEnd()}`;
}

test("Docker's headers are on every answer", async () => {
  await using server = await startTestServer({}, { version: "1.2.3" });
  using client = await server.connect();
  client.request("GET", "/_ping");
  const { fields } = await client.response();
  expect(fields.get("api-version")).toBe("1.51");
  expect(fields.get("docker-experimental")).toBe("false");
  expect(fields.get("ostype")).toBe("linux");
  expect(fields.get("server")).toBe("Docker/1.2.3 (linux)");
  expect(fields.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(fields.get("cache-control")).toBe("no-cache, no-store, must-revalidate");
});

test("errors are JSON with the status of their kind", async () => {
  await using server = await startTestServer({
    containers: {
      start: async () => Promise.reject(notModified("container is already running")),
      kill: async () => Promise.reject(conflict("container a is not running")),
      pause: async () => Promise.reject(new TypeError("a bug")),
    },
  });
  using client = await server.connect();
  expect(await answerTo(client, "POST", "/containers/a/start")).toBe("304 ");
  expect(await answerTo(client, "POST", "/containers/a/kill")).toBe('409 {"message":"container a is not running"}');
  expect(await answerTo(client, "POST", "/containers/a/pause")).toBe('500 {"message":"a bug"}');
  expect(await answerTo(client, "GET", "/nowhere")).toBe('404 {"message":"page not found"}');
  expect(await answerTo(client, "PUT", "/info")).toBe('404 {"message":"page not found"}');
  expect(await answerTo(client, "OPTIONS", "/anything")).toBe("200 ");
  client.request("HEAD", "/info");
  expect((await client.response({ bodyless: true })).status).toBe(404);
});

test("versions are negotiated by the path", async () => {
  await using server = await startTestServer({ system: { version: async () => ({ Version: "1" }) } });
  using client = await server.connect();
  expect(await answerTo(client, "GET", "/v1.24/version")).toBe('200 {"Version":"1"}');
  expect(await answerTo(client, "GET", "/v1.99/version")).toBe(
    '400 {"message":"client version 1.99 is too new. Maximum supported API version is 1.51"}',
  );
  const tooOld = "Minimum supported API version is 1.24, please upgrade your client to a newer version";
  expect(await answerTo(client, "GET", "/v1.12/version")).toBe(`400 client version 1.12 is too old. ${tooOld}`);
  expect(await answerTo(client, "GET", "/vabc/version")).toBe('404 {"message":"page not found"}');
});

test("names in paths are decoded and may hold slashes", async () => {
  const names: string[] = [];
  await using server = await startTestServer({
    images: {
      history: async (name) => {
        names.push(name);
        return [];
      },
    },
  });
  using client = await server.connect();
  for (const name of ["a", "host:5000/a/b:c", "a%2Fb%3Ac", "json"]) {
    expect(await answerTo(client, "GET", `/images/${name}/history`)).toBe("200 []");
  }
  expect(names).toEqual(["a", "host:5000/a/b:c", "a/b:c", "json"]);
});

test("what is not there yet is refused by name", async () => {
  await using server = await startTestServer();
  using client = await server.connect();
  expect(await answerTo(client, "POST", "/build")).toBe(
    '501 {"message":"building an image is not supported by berth yet"}',
  );
  expect(await answerTo(client, "GET", "/nodes")).toStartWith('503 {"message":"This node is not a swarm manager.');
  // An operation of a version that is not spoken does not exist.
  expect(await answerTo(client, "GET", "/images/a/attestations")).toBe('404 {"message":"page not found"}');
});

test.each([
  ['Content-Length: 17\r\n\r\n{"HostConfig": {}}', 400],
  ["Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
  ["Content-Length: 2\r\n\r\n{}", 204],
  ["Content-Length: 0\r\n\r\n", 204],
  ["\r\n", 204],
])("a start with %p is answered by %d", async (rest, status) => {
  const started: string[] = [];
  const start = async (ref: string) => void started.push(ref);
  await using server = await startTestServer({ containers: { start } });
  using client = await server.connect();
  client.send(`POST /containers/web/start HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${rest}`);
  const answer = await client.response();
  expect([answer.status, started]).toEqual([status, status === 204 ? ["web"] : []]);
  if (status === 400) expect(answer.body).toContain("starting container with non-empty request body was deprecated");
});

describe("bodies", () => {
  const bodies: ContainerCreateBody[] = [];
  const backends = {
    containers: {
      create: async ({ body }: { body: ContainerCreateBody }) => {
        bodies.push(body);
        return { Id: "new", Warnings: ["from the engine"] };
      },
    },
  };
  const post = "POST /containers/create HTTP/1.1\r\nHost: a\r\n";

  test.each([
    [
      "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ],
    ["Content-Length: 2\r\n\r\n{}", "malformed Content-Type header (): mime: no media type"],
    ["Content-Type: application/json\r\nContent-Length: 4\r\n\r\n{} x", "unexpected content after JSON"],
    ["Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{", "invalid JSON: unexpected EOF"],
    ["\r\n", "invalid JSON: got EOF while reading request body"],
    [
      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
      "config cannot be empty in order to create a container",
    ],
  ])("%p is refused", async (rest, message) => {
    await using server = await startTestServer(backends);
    using client = await server.connect();
    client.send(post + rest);
    const answer = await client.response();
    expect([answer.status, JSON.parse(answer.body)]).toEqual([400, { message }]);
  });

  test("an empty one is no mistake where nothing is required", async () => {
    await using server = await startTestServer({
      volumes: {
        create: async () => ({ Name: "v", Driver: "local", Mountpoint: "/v", Labels: {}, Scope: "local", Options: {} }),
      },
    });
    using client = await server.connect();
    client.request("POST", "/volumes/create");
    expect((await client.response()).status).toBe(201);
  });

  test("an older client's request keeps its meaning", async () => {
    await using server = await startTestServer(backends);
    using client = await server.connect();
    const json = { Image: "a", MacAddress: "02:00:00:00:00:01", HostConfig: { PidsLimit: 0 } };
    client.request("POST", "/v1.39/containers/create", { json });
    expect(JSON.parse((await client.response()).body)).toEqual({ Id: "new", Warnings: ["from the engine"] });
    expect(bodies.at(-1)).toEqual({
      Image: "a",
      HostConfig: { IpcMode: "shareable", CgroupnsMode: "host" },
      NetworkingConfig: { EndpointsConfig: { default: { MacAddress: "02:00:00:00:00:01" } } },
    });
  });

  test("warnings of the edge are added to the engine's", async () => {
    await using server = await startTestServer(backends);
    using client = await server.connect();
    client.request("POST", "/containers/create", { json: { Image: "a", HostConfig: { CpuCount: 1 } } });
    expect(JSON.parse((await client.response()).body).Warnings).toEqual([
      "from the engine",
      "linux does not support CPU count. CPU count discarded.",
    ]);
  });

  test("credentials come in a header, and what cannot be read is none", async () => {
    const seen: unknown[] = [];
    await using server = await startTestServer({
      images: {
        pull: async (_reference, options) => {
          seen.push(options.auth);
          return (async function* () {})();
        },
      },
    });
    using client = await server.connect();
    const auth = { username: "u", password: "p" };
    const encoded = Buffer.from(JSON.stringify(auth)).toString("base64url");
    for (const field of [`X-Registry-Auth: ${encoded}`, "X-Registry-Auth: !!", "X-Registry-Auth: WzFd"]) {
      client.request("POST", "/images/create?fromImage=a", { fields: [field] });
      expect((await client.response()).status).toBe(200);
    }
    expect(seen).toEqual([auth, undefined, undefined]);
  });
});

test("fields that nobody knows are counted, and logged once", async () => {
  const logged: LogFields[] = [];
  const logger = { ...silentLogger, warn: (_text: string, fields: LogFields = {}) => void logged.push(fields) };
  await using server = await startTestServer({ containers: { list: async () => [] } }, { logger });
  using client = await server.connect();
  await answerTo(client, "GET", "/containers/json?all=1&colour=red");
  await answerTo(client, "GET", "/containers/json?colour=blue");
  client.request("POST", "/containers/create", { json: { Image: "a", Foo: 1 } });
  await client.response();
  expect([...server.server.unknownFields]).toEqual([
    ["containerList query colour", 2],
    ["containerCreate body Foo", 1],
  ]);
  expect(logged.length).toBe(2);
});

test("an observer sees every JSON body", async () => {
  const seen: unknown[] = [];
  await using server = await startTestServer(
    { containers: { list: async () => [] }, system: { version: async () => ({ Version: "1" }) } },
    { responseObserver: (...answer) => seen.push(answer) },
  );
  using client = await server.connect();
  await answerTo(client, "GET", "/containers/json");
  await answerTo(client, "GET", "/version");
  expect(seen).toEqual([
    ["containerList", 200, []],
    ["systemVersion", 200, { Version: "1" }],
  ]);
});

test("images have the members that older clients read", async () => {
  const image = {
    Id: "i",
    ParentId: "",
    RepoTags: [],
    RepoDigests: [],
    Created: 1,
    Size: 5,
    SharedSize: -1,
    Labels: {},
    Containers: -1,
  };
  await using server = await startTestServer({ images: { list: async () => [image] } });
  using client = await server.connect();
  client.request("GET", "/v1.42/images/json");
  expect(JSON.parse((await client.response()).body)).toEqual([
    { ...image, VirtualSize: 5, RepoTags: ["<none>:<none>"], RepoDigests: ["<none>@<none>"] },
  ]);
  client.request("GET", "/images/json");
  expect(JSON.parse((await client.response()).body)).toEqual([image]);
});
