/** Files that are put into a container that ends meanwhile are where they belong: in its volume, not below it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../support/engine.ts";
import { tar } from "../support/tar.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

test("an archive that comes to its end after the container has", async () => {
  const body = {
    Image: "busybox:local",
    Cmd: ["sleep", "1000"],
    HostConfig: { NetworkMode: "none", Binds: ["kept:/data"] },
  };
  const { Id } = (await engine.api("POST", "/containers/create", body)).json as { Id: string }; // the API's shape
  await engine.api("POST", `/containers/${Id}/start`);

  const call = request({ socketPath: engine.socket, method: "PUT", path: `/containers/${Id}/archive?path=/data` });
  const answered = once(call, "response");
  call.flushHeaders();
  // By now the other call is under way, too.
  await engine.api("HEAD", `/containers/${Id}/archive?path=/data`);
  await engine.api("POST", `/containers/${Id}/kill`);
  await engine.api("POST", `/containers/${Id}/wait`);
  call.end(tar([{ name: "file", data: "content" }]));
  const [response] = (await answered) as [IncomingMessage]; // the event's argument
  response.resume();
  expect(response.statusCode).toBe(200);
  expect(readFileSync(join(engine.dataRoot, "volumes/kept/_data/file"), "utf8")).toBe("content");
  const copied = await engine.docker(["cp", `${Id}:/data/file`, "-"]);
  expect({ code: copied.code, stderr: copied.stderr }).toEqual({ code: 0, stderr: "" });
});
