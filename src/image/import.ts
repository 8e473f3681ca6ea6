import { invalid, formatNanos, nowNanos } from "../base/index.ts";
import { hostPlatform, parsePlatform, type Platform } from "../spec/index.ts";
import { applyChanges } from "./changes.ts";
import { createImage, type CreateParts } from "./create.ts";
import type { ImageEvents } from "./image-events.ts";
import { parseNewName, tagImage } from "./names.ts";
import type { Report } from "./progress.ts";

/**
 * `docker import`: a flat tar becomes an image of one layer. What is wrong with the options is thrown before a byte is
 * read.
 */
export function prepareImport(
  parts: CreateParts & { events: ImageEvents },
  options: { repo: string; tag: string; message: string; changes: readonly string[]; platform: string | undefined },
): (body: AsyncIterable<Uint8Array>, report: Report, signal: AbortSignal) => Promise<void> {
  const name = options.repo === "" ? undefined : parseNewName(options.repo, options.tag);
  const platform = platformOf(options.platform);
  const config = applyChanges({}, options.changes);
  return async (body, report, signal) => {
    const created = formatNanos(nowNanos());
    const comment = options.message === "" ? "Imported from -" : options.message;
    const image = await createImage(
      parts,
      {
        config: {
          ...platform,
          created,
          config,
          rootfs: { type: "layers", diff_ids: [] },
          history: [{ created, comment }],
        },
        parent: undefined,
        layer: body,
      },
      signal,
    );
    if (name !== undefined) tagImage(parts.catalog, parts.events, image.id, name);
    parts.events.publish("import", image.id);
    report({ status: image.id });
  };
}

function platformOf(text: string | undefined): Platform {
  if (text === undefined || text === "") return hostPlatform();
  const platform = parsePlatform(text);
  if (platform.os !== "linux") throw invalid("operating system is not supported");
  return platform;
}
