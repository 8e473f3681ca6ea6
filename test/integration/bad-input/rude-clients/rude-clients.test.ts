import { expect, test } from "bun:test";
import { rudeClients } from "./rude-clients.ts";

const MEBIBYTE = 2 ** 20;

test("two hundred clients that vanish at every point leave nothing open, and little memory", async () => {
  const { left, daemon, shim } = await rudeClients(200);
  expect(left).toEqual([]);
  // What a program that is still warming up takes; a client that is kept has its buffers of a mebibyte.
  expect(daemon.after).toBeLessThan(daemon.before + 48 * MEBIBYTE);
  expect(shim.after).toBeLessThanOrEqual(shim.before + MEBIBYTE / 4);
}, 300_000);
