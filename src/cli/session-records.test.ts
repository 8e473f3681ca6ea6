import { expect, test } from "bun:test";
import { SessionRecords } from "./session-records.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What a promise comes to, as text. */
const outcome = (promise: Promise<unknown>) =>
  promise.then(
    (value) => String(value),
    (error: unknown) => String(error),
  );

test("records tell of the start and of the exit code, in whatever pieces they come", async () => {
  const records = new SessionRecords();
  for (const byte of bytes('{"Started":true}\n{"StatusCode":7}\n')) records.take(Uint8Array.of(byte));
  records.end();
  expect([await outcome(records.started), await outcome(records.code)]).toEqual(["undefined", "7"]);
});

test("a failure to start is the engine's error", async () => {
  const records = new SessionRecords();
  records.take(bytes('{"Failure":{"Status":404,"Message":"no such network"}}\n'));
  records.end();
  expect(await records.started.catch((error: unknown) => error)).toMatchObject({
    message: "Error response from daemon: no such network",
    status: 404,
  });
  expect(await outcome(records.code)).toContain("unexpected EOF");
});

test("an error in place of an exit code ends with 125", async () => {
  const records = new SessionRecords();
  records.take(bytes('{"Started":true}\n{"StatusCode":0,"Error":{"Message":"gone"}}\n'));
  expect(await records.code.catch((error: unknown) => error)).toMatchObject({
    message: "Error waiting for container: gone",
    exitCode: 125,
  });
});

test("what was not told when the session ends is an error", async () => {
  const records = new SessionRecords();
  records.end();
  expect(await outcome(records.started)).toContain("unexpected EOF");
  expect(await records.code.catch((error: unknown) => error)).toMatchObject({ exitCode: 125 });
});
