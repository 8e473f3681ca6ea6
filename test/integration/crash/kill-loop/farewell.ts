import { eventually } from "../../../support/wait.ts";
import type { Known } from "./container.ts";
import type { Session } from "./session.ts";

/** A container that is removed. */
export interface Farewell {
  container: Known;
  /** How often it has written its lines; undefined: it may have been ended while it wrote. */
  runs: number | undefined;
}

/** Of numbers from 1 on, of which any may come again; undefined: one was left out. */
export function furthest(lines: readonly string[]): number | undefined {
  let last = 0;
  for (const line of lines) {
    if (Number(line) > last + 1) return undefined;
    last = Math.max(last, Number(line));
  }
  return last;
}

/**
 * What a removed container wrote comes to its collector, which is always there: also of one that was removed, or removed itself,
 * just when a daemon was killed.
 */
export async function sayFarewell(session: Session, { container, runs }: Farewell): Promise<void> {
  const { collectors } = session;
  const { id, name, sending, lines } = container;
  if (collectors === undefined || sending === undefined) return;
  const mayMiss = () => sending.mayDrop && collectors.dropped() > 0;
  const arrived = () => collectors.linesOf(id);
  // With its supervisor went what that had not written yet.
  if (runs !== undefined && !session.isBereaved(id)) {
    let missing = 0;
    const isWhole = await eventually(`lines of ${name}`, () => {
      missing = missingOf(arrived(), lines, runs);
      return missing === 0 || mayMiss();
    }).catch(() => false);
    if (!isWhole) {
      const lost = lostOf(await session.engine.log(), id);
      session.violated(
        `${missing} of ${lines * runs} lines of ${name}, which is removed, did not come; ${lost} are told`,
      );
    }
    session.did("lines of removed ones");
  }
  if (container.kind !== "again" && furthest(arrived()) === undefined && !mayMiss()) {
    session.violated(`lines of ${name}, which is removed, came out of order, or one is missing`);
  }
}

/** Each line is to come so often; the same may come again. */
function missingOf(arrived: readonly string[], lines: number, runs: number): number {
  const counts = new Map<string, number>();
  for (const line of arrived) counts.set(line, (counts.get(line) ?? 0) + 1);
  let missing = 0;
  for (let line = 1; line <= lines; line++) missing += Math.max(0, runs - (counts.get(String(line)) ?? 0));
  return missing;
}

/** How many entries of a container the daemons gave up, as they told. */
function lostOf(log: string, id: string): number {
  let lost = 0;
  for (const line of log.split("\n")) {
    if (!line.includes(id)) continue;
    for (const [, count] of line.matchAll(/ (?:lost|dropped)=(\d+)/g)) lost += Number(count);
  }
  return lost;
}
