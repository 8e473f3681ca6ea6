import type { CallContext } from "../../api/index.ts";
import { conflict } from "../../base/index.ts";
import { readOnlyMount } from "../../snapshot/index.ts";
import { sendable, type SendableBytes } from "../../wire/index.ts";
import type { ContainerEntry } from "../entry.ts";
import type { ContainerDependencies } from "../types.ts";

/** `docker export`: the root file system as a flat tar, without what is mounted into it. */
export async function exportRootfs(
  entry: ContainerEntry,
  call: CallContext,
  needs: Pick<ContainerDependencies, "archiver" | "snapshotter" | "rootfsViews">,
): Promise<SendableBytes> {
  if (entry.state.phase.kind === "dead") throw conflict(`You cannot export container ${entry.id} which is Dead`);
  if (entry.removing) throw conflict(`You cannot export container ${entry.id} which is being removed`);
  let source: AsyncIterable<Uint8Array> | undefined;
  const pieces = packed(entry, call, needs, (opened) => (source = opened));
  return sendable(pieces, () => source);
}

async function* packed(
  entry: ContainerEntry,
  call: CallContext,
  needs: Pick<ContainerDependencies, "archiver" | "snapshotter" | "rootfsViews">,
  onOpen: (source: AsyncIterable<Uint8Array>) => void,
): AsyncGenerator<Uint8Array> {
  await using view = await needs.rootfsViews.open(readOnlyMount(await needs.snapshotter.mounts(entry.id)));
  const source = needs.archiver.pack({ root: { fd: view.fd }, whiteouts: "none", signal: call.signal });
  onOpen(source);
  yield* source;
}
