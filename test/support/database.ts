import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { errnoOf } from "../../src/base/index.ts";

/** Events stay, and the note that a layer is not on the disk yet may outlive the layer. */
const KEPT = ["events", "unsettled_layers"];

/**
 * How many rows an engine's tables have, one line a table. The daemon keeps its database to itself: a copy is read, so
 * call it while nothing is written, or again when it throws.
 */
export async function databaseRows(dataRoot: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "berth-rows-"));
  try {
    const copy = join(folder, "berth.db");
    await copyFile(join(dataRoot, "berth.db"), copy);
    await copyFile(join(dataRoot, "berth.db-wal"), `${copy}-wal`).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
    using database = new DatabaseSync(copy);
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return tables
      .map((row) => String(row["name"]))
      .filter((name) => !KEPT.includes(name))
      .map(
        (name) => `rows of ${name}: ${String(database.prepare(`SELECT count(*) AS n FROM "${name}"`).get()?.["n"])}`,
      );
  } finally {
    await rm(folder, { recursive: true });
  }
}
