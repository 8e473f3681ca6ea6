import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { EventMessage, Filters } from "../api/index.ts";
import { nowNanos, silentLogger } from "../base/index.ts";
import { createStore, type Store } from "../store/index.ts";
import { matches } from "./filter.ts";
import { createEventBus, type EventBus } from "./index.ts";

let folder: string;
let store: Store;
let bus: EventBus & Disposable;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-events-"));
  store = createStore({ path: join(folder, "state.db"), logger: silentLogger });
  bus = createEventBus({ store });
});

afterEach(() => {
  bus[Symbol.dispose]();
  store[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const publish = (action: string, id = "c1", attributes: Record<string, string> = {}) =>
  bus.publish({ type: "container", action, id, attributes });

const NO_FILTERS: Filters = new Map();

function subscribe(
  query: { since?: bigint; until?: bigint; filters?: Filters },
  signal = new AbortController().signal,
) {
  return bus.subscribe({ since: query.since, until: query.until, filters: query.filters ?? NO_FILTERS, signal });
}

async function actionsOf(events: AsyncIterable<EventMessage>): Promise<(string | undefined)[]> {
  const actions = [];
  for await (const event of events) actions.push(event.Action);
  return actions;
}

const written = () => Number(store.prepare("SELECT count(*) AS count FROM events").get()?.["count"]);

describe("the record", () => {
  test("is written in the same turn of the loop, with what could have waited", async () => {
    publish("exec_start: true");
    publish("die");
    await setImmediate();
    expect(written()).toBe(2);
  });

  test("of an exec alone is written without anything else happening", async () => {
    publish("exec_start: true");
    for (const limit = Date.now() + 30_000; written() === 0;) {
      if (Date.now() > limit) throw new Error("waited 30 s for the record");
      await setImmediate();
    }
    expect(written()).toBe(1);
  });
});

test("attributes are in the order of their names", async () => {
  publish("die", "c1", { image: "busybox", execDuration: "1", exitCode: "0" });
  for await (const { Actor } of subscribe({ since: 0n, until: nowNanos() })) {
    expect(Object.keys(Actor?.Attributes ?? {})).toEqual(["execDuration", "exitCode", "image"]);
  }
  expect.assertions(1);
});

describe("subscribe", () => {
  test("gives past events since an instant, then new ones, in order, until the signal", async () => {
    publish("create");
    const since = nowNanos();
    publish("start");
    const stop = new AbortController();
    const reader = actionsOf(subscribe({ since }, stop.signal));
    publish("die");
    stop.abort();
    expect(await reader).toEqual(["start", "die"]);
  });

  test("without since gives new events only", async () => {
    publish("create");
    const stop = new AbortController();
    const reader = actionsOf(subscribe({}, stop.signal));
    publish("start");
    stop.abort();
    expect(await reader).toEqual(["start"]);
  });

  test("ends by itself when until has passed", async () => {
    publish("create");
    expect(await actionsOf(subscribe({ until: nowNanos() }))).toEqual(["create"]);
  });

  test("takes instants that are further away than the store's integers reach", async () => {
    publish("create");
    const far = 2n ** 63n * 1_000_000_000n;
    expect(await actionsOf(subscribe({ since: -far, until: nowNanos() }))).toEqual(["create"]);
    expect(await actionsOf(subscribe({ since: far, until: 1n }))).toEqual([]);
    const stop = new AbortController();
    const reader = actionsOf(subscribe({ since: 0n, until: far }, stop.signal));
    stop.abort();
    expect(await reader).toEqual(["create"]);
  });

  test("survives a restart of the daemon", async () => {
    publish("create", "c9", { name: "web" });
    bus[Symbol.dispose]();
    bus = createEventBus({ store });
    const events = subscribe({ since: 0n, until: nowNanos() });
    for await (const event of events) {
      expect(event).toMatchObject({ Type: "container", Action: "create", scope: "local" });
      expect(event.Actor).toEqual({ ID: "c9", Attributes: { name: "web" } });
      return;
    }
    throw new Error("no event");
  });

  test("keeps the newest events only", async () => {
    for (let index = 0; index < 6000; index++) publish(`a${index}`);
    bus[Symbol.dispose]();
    bus = createEventBus({ store });
    const actions = await actionsOf(subscribe({ since: 0n, until: nowNanos() }));
    expect(actions.length).toBe(4096);
    expect(actions.at(-1)).toBe("a5999");
  });

  test("cuts off a reader that never reads", async () => {
    const events = subscribe({});
    for (let index = 0; index < 20_000; index++) publish("start");
    expect((await actionsOf(events)).length).toBe(16_384);
  });

  test("a failing disk does not stop the announcement", async () => {
    const stop = new AbortController();
    const reader = actionsOf(subscribe({}, stop.signal));
    store.prepare("DROP TABLE events").run();
    publish("start");
    stop.abort();
    expect(await reader).toEqual(["start"]);
  });
});

describe("filters", () => {
  const event = (over: Partial<EventMessage>): EventMessage => ({
    Type: "container",
    Action: "start",
    scope: "local",
    Actor: { ID: "abcdef", Attributes: { name: "web", image: "busybox:1.36", tier: "front" } },
    ...over,
  });
  const rows: Array<[Record<string, string[]>, Partial<EventMessage>, boolean]> = [
    [{}, {}, true],
    [{ event: ["start", "die"] }, {}, true],
    [{ event: ["die"] }, {}, false],
    [{ event: ["health_status"] }, { Action: "health_status: healthy" }, true],
    [{ event: ["exec_create"] }, { Action: "exec_create: sh -c ls" }, true],
    [{ event: ["st"] }, {}, false],
    [{ type: ["image"] }, {}, false],
    [{ type: ["container"], event: ["start"] }, {}, true],
    [{ container: ["web"] }, {}, true],
    [{ container: ["abc"] }, {}, true],
    [{ container: ["other"] }, {}, false],
    [{ image: ["busybox"] }, {}, true],
    [{ image: ["busybox:1.36"] }, {}, true],
    [{ image: ["busybox:1.35"] }, {}, false],
    [{ image: ["r:5000/a"] }, { Type: "image", Actor: { ID: "sha256:1", Attributes: { name: "r:5000/a:1" } } }, true],
    [{ label: ["tier"] }, {}, true],
    [{ label: ["tier=front"] }, {}, true],
    [{ label: ["tier=front", "none"] }, {}, false],
    [{ scope: ["swarm"] }, {}, false],
    [{ daemon: ["web"] }, {}, false],
    [{ daemon: ["host"] }, { Type: "daemon", Actor: { ID: "x", Attributes: { name: "host" } } }, true],
    [{ volume: ["data"] }, { Type: "volume", Actor: { ID: "data", Attributes: {} } }, true],
  ];
  for (const [filters, over, expected] of rows) {
    test(`${JSON.stringify(filters)} on ${JSON.stringify(over)}: ${expected}`, () => {
      expect(matches(event(over), new Map(Object.entries(filters)))).toBe(expected);
    });
  }
});
