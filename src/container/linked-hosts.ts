import { join } from "node:path";
import { messageOf, type KeyedLock, type Logger } from "../base/index.ts";
import type { ContainerEntry } from "./entry.ts";
import { filesIn, updateLink } from "./hosts-files.ts";
import { linksOf } from "./links.ts";
import type { ContainerRegistry } from "./registry.ts";
import type { ContainerDependencies } from "./types.ts";

interface Parts {
  registry: ContainerRegistry;
  needs: Pick<ContainerDependencies, "networks" | "root">;
  lock: KeyedLock;
  logger: Logger;
}

/** A container has an address: those that run and are linked to it find it there. Nobody waits for their files. */
export function followLinks(target: ContainerEntry, parts: Parts): void {
  for (const entry of parts.registry.all()) {
    const aliases = linksOf(entry.record).flatMap((link) => (link.target === target.name ? [link.alias] : []));
    if (aliases.length === 0 || entry.run === undefined) continue;
    update(entry, aliases, parts).catch((error: unknown) =>
      parts.logger.warn("a linked name has its old address", { container: entry.id, error: messageOf(error) }),
    );
  }
}

async function update(entry: ContainerEntry, aliases: readonly string[], { needs, lock }: Parts): Promise<void> {
  using _held = await lock.acquire(entry.id);
  if (entry.run === undefined) return;
  const lines = needs.networks.state(entry.id)?.hostsLines ?? [];
  const linked = lines.filter(({ names: [name = ""] }) => aliases.includes(name));
  if (linked.length > 0) await updateLink(filesIn(join(needs.root, entry.id)), linked);
}
