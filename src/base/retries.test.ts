import { describe, expect, test } from "bun:test";
import { silentLogger } from "./log.ts";
import { Retries } from "./retries.ts";

describe("work that failed", () => {
  test("is done again until it works", async () => {
    const done = Promise.withResolvers<number>();
    let tries = 0;
    using retries = new Retries({
      what: "the work",
      logger: silentLogger,
      work: async () => {
        tries += 1;
        if (tries < 2) throw new Error("no space");
        done.resolve(tries);
      },
    });
    retries.later(new Error("first"));
    retries.later(new Error("noted twice, done once"));
    expect(await done.promise).toBe(2);
  });
});
