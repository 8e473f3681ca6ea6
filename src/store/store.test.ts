import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKind, messageOf, silentLogger } from "../base/index.ts";
import { ReadOnlyStoreError } from "./errors.ts";
import { createStore, type Store } from "./index.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-store-"));
  path = join(folder, "state.db");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (): Store => createStore({ path, logger: silentLogger });
const TABLE = "CREATE TABLE things (name TEXT PRIMARY KEY, size INTEGER) STRICT";

function attempt(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("migrations", () => {
  test("run once, in order, and only the new ones", () => {
    {
      using store = open();
      store.migrate("things", [TABLE]);
      store.prepare("INSERT INTO things VALUES (?, ?)").run("a", 1);
    }
    using store = open();
    store.migrate("things", [TABLE, "ALTER TABLE things ADD COLUMN colour TEXT DEFAULT 'red'"]);
    expect(store.prepare("SELECT * FROM things").all()).toEqual([{ name: "a", size: 1, colour: "red" }]);
  });

  test("a failing one leaves nothing of its batch", () => {
    using store = open();
    expect(() => store.migrate("things", [TABLE, "NONSENSE"])).toThrow();
    store.migrate("things", [TABLE]);
    expect(store.prepare("SELECT count(*) AS n FROM things").get()).toEqual({ n: 0 });
  });

  test("a file of a newer release is refused by name", () => {
    {
      using store = open();
      store.migrate("things", [TABLE, "CREATE TABLE more (x) "]);
    }
    using store = open();
    const error = attempt(() => store.migrate("things", [TABLE]));
    expect(isKind(error, "data-loss")).toBe(true);
    expect(messageOf(error)).toContain("newer berth");
  });
});

describe("transactions", () => {
  test("roll back on throw, durable or not, and nest", () => {
    using store = open();
    store.migrate("things", [TABLE]);
    const insert = store.prepare("INSERT INTO things VALUES (?, ?)");
    for (const durable of [true, false]) {
      expect(() =>
        store.transaction(
          () => {
            insert.run("lost", 1);
            throw new Error("no");
          },
          { durable },
        ),
      ).toThrow("no");
    }
    store.transaction(() => {
      insert.run("outer", 1);
      expect(() =>
        store.transaction(() => {
          insert.run("inner", 2);
          throw new Error("inner");
        }),
      ).toThrow("inner");
      store.transaction(() => insert.run("second", 3));
    });
    expect(
      store
        .prepare("SELECT name FROM things ORDER BY name")
        .all()
        .map((row) => row["name"]),
    ).toEqual(["outer", "second"]);
  });

  test("the level of syncing follows each outer transaction", () => {
    using store = open();
    store.migrate("things", [TABLE]);
    const level = () => store.prepare("PRAGMA synchronous").get()?.["synchronous"];
    expect(store.transaction(level, { durable: false })).toBe(1);
    expect(store.transaction(level)).toBe(2);
    expect(store.transaction(() => store.transaction(level, { durable: false }))).toBe(2);
  });

  test("what was committed is there after a reopen", () => {
    {
      using store = open();
      store.migrate("things", [TABLE]);
      store.transaction(() => store.prepare("INSERT INTO things VALUES ('kept', 7)").run(), { durable: false });
    }
    using store = open();
    expect(store.prepare("SELECT size FROM things WHERE name = ?").get("kept")).toEqual({ size: 7 });
  });
});

describe("the file", () => {
  test("is private", () => {
    using _store = open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("that is damaged is refused with its path and the way out", () => {
    writeFileSync(path, "not a database ".repeat(500));
    const error = attempt(open);
    expect(isKind(error, "data-loss")).toBe(true);
    expect(messageOf(error)).toContain(path);
    expect(messageOf(error)).toContain("damaged");
  });

  test("cannot be opened twice", () => {
    using _store = open();
    expect(isKind(attempt(open), "unavailable")).toBe(true);
  });
});

describe("a full disk", () => {
  /** A file system of its own, so small that it is soon full; undefined where none can be mounted. */
  function smallDisk(): (Disposable & { path: string }) | undefined {
    const at = join(folder, "disk");
    mkdirSync(at);
    const options = ["-t", "tmpfs", "-o", "size=1536k", "tmpfs", at];
    if (spawnSync("/bin/mount", options).status !== 0) return undefined;
    return { path: at, [Symbol.dispose]: () => void spawnSync("/bin/umount", ["-l", at]) };
  }

  test("leaves room to remove, then is an error of its kind", () => {
    using disk = smallDisk();
    if (disk === undefined) {
      console.log("skipped: no tmpfs can be mounted here");
      return;
    }
    using store = createStore({ path: join(disk.path, "state.db"), logger: silentLogger });
    store.migrate("things", [TABLE]);
    store.transaction(() => store.prepare("INSERT INTO things VALUES ('first', 1)").run());
    fill(join(disk.path, "filler"));
    store.transaction(() => store.prepare("DELETE FROM things WHERE name = 'first'").run());
    expect(store.prepare("SELECT count(*) AS n FROM things").get()).toEqual({ n: 0 });
    fill(join(disk.path, "filler2"));
    const insert = store.prepare("INSERT INTO things VALUES (?, 1)");
    const error = attempt(() => {
      for (let index = 0; index < 1000; index++) store.transaction(() => insert.run(`${index}${"x".repeat(5000)}`));
    });
    expect(isKind(error, "no-space")).toBe(true);
  });

  test("leaves it to nobody else, also while no daemon runs, and not to what can be lost", () => {
    using disk = smallDisk();
    if (disk === undefined) {
      console.log("skipped: no tmpfs can be mounted here");
      return;
    }
    const options = { path: join(disk.path, "state.db"), logger: silentLogger };
    const other = join(disk.path, "other");
    const remove = (store: Store, from: number) => {
      for (let index = from; index < from + 100; index++) {
        store.transaction(() => store.prepare("DELETE FROM things WHERE size = ?").run(index));
        fill(other);
      }
      return store.prepare("SELECT count(*) AS n FROM things").get()?.["n"];
    };
    {
      using store = createStore(options);
      store.migrate("things", [TABLE]);
      const insert = store.prepare("INSERT INTO things VALUES (?, ?)");
      store.transaction(() => {
        for (let index = 0; index < 200; index++) insert.run(`${index}`, index);
      });
      fill(other);
      expect(remove(store, 0)).toBe(100);
      const lost = attempt(() => store.transaction(() => insert.run("lost", 1000), { reserve: false }));
      expect(isKind(lost, "no-space")).toBe(true);
    }
    fill(other);
    {
      using store = createStore(options);
      expect(remove(store, 100)).toBe(0);
    }
    rmSync(other);
    using store = createStore(options);
    store.transaction(() => store.prepare("INSERT INTO things VALUES ('room', 1)").run(), { reserve: false });
    expect(store.prepare("SELECT name FROM things").all()).toEqual([{ name: "room" }]);
  });

  test("the room of the log is kept while it is closed, and what is in it is not taken for changes", () => {
    {
      using store = open();
      store.migrate("things", [TABLE]);
      store.transaction(() => store.prepare("INSERT INTO things VALUES ('first', 1)").run());
    }
    const kept = readFileSync(`${path}-reserve`);
    expect(kept.length).toBeGreaterThan(512 * 1024);
    expect(kept.subarray(0, 32)).toEqual(Buffer.alloc(32));
    // As a daemon leaves it that is killed while it closes the database: all is in place, or the log is still there.
    {
      using store = open();
      store.transaction(() => store.prepare("DELETE FROM things").run());
    }
    writeFileSync(`${path}-reserve`, kept);
    using store = open();
    expect(existsSync(`${path}-reserve`)).toBe(false);
    expect(store.prepare("SELECT * FROM things").all()).toEqual([]);
  });

  /** Until not a block is left. */
  function fill(path: string): void {
    const fd = openSync(path, "a");
    try {
      for (;;) writeSync(fd, Buffer.alloc(4096, 1));
    } catch {
      closeSync(fd);
    }
  }
});

test("a file that cannot be written to is an error of its own", () => {
  using store = open();
  store.migrate("things", [TABLE]);
  store.prepare("PRAGMA query_only = ON").run();
  expect(
    attempt(() => store.transaction(() => store.prepare("INSERT INTO things VALUES ('a', 1)").run())),
  ).toBeInstanceOf(ReadOnlyStoreError);
  // Nothing is to be done then.
  store.migrate("things", [TABLE]);
});
