import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../base/index.ts";
import { readCursor } from "./cursor.ts";
import { LOG_DRIVERS } from "./drivers.ts";
import { createLogService } from "./log-service.ts";
import type { LogDriver, LogFilePlan, LogRecord, LogSource } from "./types.ts";

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "berth-log-service-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const SOURCE: LogSource = {
  id: "a".repeat(64),
  name: "web",
  imageId: "sha256:0",
  imageName: "image",
  entrypoint: "sh",
  args: [],
  createdAt: 0n,
  logPath: "",
  env: [],
  labels: {},
  options: {},
};

const calls = { flock: () => undefined, socket: () => -1, connect: () => undefined };

/** A driver with a receiver that is away until `back`. */
function driverWith(received: LogRecord[], back: Promise<void>) {
  const opened = { count: 0 };
  const driver: LogDriver = {
    ...(LOG_DRIVERS.get("otlp") as LogDriver), // it is one of them
    open: () => {
      opened.count += 1;
      return {
        send: async (records) => {
          await back;
          received.push(...records);
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
  return { driver, opened };
}

test("runs that come while the receiver is away are delivered once it is back, however many there were", async () => {
  const received: LogRecord[] = [];
  const back = Promise.withResolvers<void>();
  const { driver, opened } = driverWith(received, back.promise);
  const path = join(folder, "log");
  const plan: LogFilePlan = { path, maxSize: 0, maxFiles: 1, compress: false, holds: false, shown: false };
  const service = createLogService({ calls, logger: silentLogger });
  for (let run = 0; run < 50; run++) {
    const time = new Date(run).toISOString();
    appendFileSync(path, `${JSON.stringify({ log: `line ${run}\n`, stream: "stdout", time })}\n`);
    service.attend({ driver, source: SOURCE, plan, ended: Promise.resolve() });
  }
  back.resolve();
  expect(await service.finish(SOURCE.id, folder, undefined)).toBe(true);
  expect(received.map(({ text }) => text.toString())).toEqual(Array.from({ length: 50 }, (_, run) => `line ${run}`));
  // The first, and one for all that came meanwhile.
  expect(opened.count).toBe(2);
  expect(service.counts()).toEqual({});
});

test("a receiver that takes nothing does not keep a service from closing", async () => {
  const asked = Promise.withResolvers<void>();
  const disposed = Promise.withResolvers<void>();
  const driver: LogDriver = {
    ...(LOG_DRIVERS.get("otlp") as LogDriver), // it is one of them
    open: () => ({
      send: () => (asked.resolve(), new Promise(() => undefined)),
      [Symbol.asyncDispose]: async () => disposed.resolve(),
    }),
  };
  const path = join(folder, "log");
  const plan: LogFilePlan = { path, maxSize: 0, maxFiles: 1, compress: false, holds: false, shown: false };
  appendFileSync(path, `${JSON.stringify({ log: "line\n", stream: "stdout", time: new Date(0).toISOString() })}\n`);
  const service = createLogService({ calls, logger: silentLogger });
  service.attend({ driver, source: SOURCE, plan, ended: Promise.resolve() });
  await asked.promise;
  await service.close();
  await disposed.promise;
  // The next service sends it again.
  expect(await readCursor(path)).toBeUndefined();
});

test("a log that nobody attends to is delivered at last; what a service leaves when it closes waits for the next one", async () => {
  const received: LogRecord[] = [];
  const back = Promise.withResolvers<void>();
  const { driver } = driverWith(received, back.promise);
  const options = {};
  const plan = driver.file(options, folder, SOURCE.id);
  if (plan === undefined) throw new Error("it keeps its entries");
  const last = { driver, source: SOURCE, plan, ended: Promise.resolve() };
  appendFileSync(
    plan.path,
    `${JSON.stringify({ log: "line\n", stream: "stdout", time: new Date(0).toISOString() })}\n`,
  );

  const closed = createLogService({ calls, logger: silentLogger });
  await closed.close();
  expect(await closed.finish(SOURCE.id, folder, last)).toBe(false);
  expect(received).toEqual([]);

  back.resolve();
  const next = createLogService({ calls, logger: silentLogger });
  expect(await next.finish(SOURCE.id, folder, last)).toBe(true);
  expect(received.map(({ text }) => text.toString())).toEqual(["line"]);
});
