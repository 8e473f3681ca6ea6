import { announce } from "../announce.ts";
import type { ContainerEntry } from "../entry.ts";
import { alreadyPaused, cannotPause, isRestarting, notPaused, notRunning } from "../errors.ts";
import type { ContainerRegistry } from "../registry.ts";
import type { EventBus } from "../../events/index.ts";
import type { Task } from "../../runtime/index.ts";

/** Freezes every process of a container. The lock is held. @throws conflict unless it runs. */
export async function pause(entry: ContainerEntry, registry: ContainerRegistry, events: EventBus): Promise<void> {
  const { phase } = entry.state;
  if (phase.kind === "restarting") throw isRestarting(entry.id);
  if (phase.kind !== "running" || entry.run === undefined) throw notRunning(entry.id);
  if (phase.paused) throw alreadyPaused(entry.id);
  await freeze(entry.id, entry.run.task);
  registry.noteState(entry, { phase: { ...phase, paused: true } });
  announce(events, entry.record, "pause");
}

/** Freezes what runs, or nothing. @throws unknown (500, as Docker) when it cannot be done in time. */
export async function freeze(id: string, task: Pick<Task, "pause">): Promise<void> {
  try {
    await task.pause();
  } catch (error) {
    throw cannotPause(id, error);
  }
}

/** Lets a paused container go on. The lock is held. @throws unknown (500, as Docker) when it is not paused. */
export async function unpause(entry: ContainerEntry, registry: ContainerRegistry, events: EventBus): Promise<void> {
  const { phase } = entry.state;
  if (phase.kind !== "running" || !phase.paused || entry.run === undefined) throw notPaused(entry.id);
  await entry.run.task.resume();
  registry.noteState(entry, { phase: { ...phase, paused: false } });
  announce(events, entry.record, "unpause");
}
