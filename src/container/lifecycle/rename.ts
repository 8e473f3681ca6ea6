import { conflict, invalid, isKind, messageOf } from "../../base/index.ts";
import type { EventBus } from "../../events/index.ts";
import { announce } from "../announce.ts";
import { parseName } from "../create/names.ts";
import type { ContainerEntry } from "../entry.ts";
import type { ContainerRecord } from "../record.ts";
import type { ContainerRegistry } from "../registry.ts";

/** Gives a container another name. The lock is held. @throws invalid, conflict with Docker's texts. */
export function rename(entry: ContainerEntry, text: string, registry: ContainerRegistry, events: EventBus): void {
  if (text === "") throw invalid("Neither old nor new names may be empty");
  const oldName = entry.name;
  if (text.replace(/^\//, "") === oldName) {
    throw invalid("Renaming a container with the same name as its current name");
  }
  using _reserved = reserve(entry, `/${text.replace(/^\//, "")}`, registry);
  const name = parseName(text);
  registry.saveRecord(entry, { ...entry.record, name }, relinked(oldName, name, registry));
  announce(events, entry.record, "rename", { oldName: `/${oldName}` });
}

/** The default bridge's links are to a container, whatever its name: those that name it take the new one. */
function relinked(oldName: string, name: string, registry: ContainerRegistry): Map<ContainerEntry, ContainerRecord> {
  const changed = new Map<ContainerEntry, ContainerRecord>();
  for (const other of registry.all()) {
    const { hostConfig } = other.record;
    const links = (hostConfig.Links ?? []).map((link) => {
      const [target = "", alias = target] = link.replace(/^\//, "").split(":");
      return target === oldName ? `${name}:${alias}` : link;
    });
    if (links.every((link, index) => link === hostConfig.Links?.[index])) continue;
    changed.set(other, { ...other.record, hostConfig: { ...hostConfig, Links: links } });
  }
  return changed;
}

function reserve(entry: ContainerEntry, text: string, registry: ContainerRegistry): Disposable {
  try {
    return registry.reserveName(parseName(text), entry.id);
  } catch (error) {
    const message = `Error when allocating new name: ${messageOf(error)}`;
    throw isKind(error, "conflict") ? conflict(message) : invalid(message);
  }
}
