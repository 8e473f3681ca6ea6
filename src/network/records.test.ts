import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../base/index.ts";
import { createStore } from "../store/index.ts";
import { NetworkRecords } from "./records.ts";

test("records of an older engine are taken over, without its notes about settings of the host", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-records-"));
  try {
    using store = createStore({ path: join(folder, "state.db"), logger: silentLogger });
    store.migrate("network", [
      `CREATE TABLE network_networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
       CREATE TABLE network_sandboxes (container TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
       CREATE TABLE network_sysctls (path TEXT PRIMARY KEY, before TEXT NOT NULL) STRICT;`,
      "CREATE TABLE network_retired_bridges (bridge TEXT PRIMARY KEY) STRICT;",
    ]);
    store.prepare("INSERT INTO network_sysctls VALUES ('net/ipv4/ip_forward', '0')").run();
    store.prepare("INSERT INTO network_networks VALUES ('1', 'one', '{}')").run();
    store.prepare("INSERT INTO network_retired_bridges VALUES ('br-old')").run();
    const records = new NetworkRecords(store);
    expect(records.networks()).toHaveLength(1);
    expect(records.retiredBridges()).toEqual(["br-old"]);
    const tables = store.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'network_%'").all();
    expect(tables.map((row) => String(row["name"])).sort()).toEqual([
      "network_networks",
      "network_retired_bridges",
      "network_sandboxes",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
