import type { ImageSummary } from "../../api/index.ts";
import { atMost, defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { bool, type FlagValues } from "../flags.ts";
import { printRows, type View } from "../format.ts";
import { filterFlag, formatFlag, noTruncFlag, warnQuietFormat } from "../shared-flags.ts";
import { encodeFilters, shortId } from "../targets.ts";
import { formatLocalTime, humanDuration, humanSize } from "../units.ts";

const flags = {
  all: bool("Show intermediate images too", { short: "a" }),
  digests: bool("Show digests"),
  filter: filterFlag,
  format: formatFlag,
  "no-trunc": noTruncFlag,
  quiet: bool("Print ids only", { short: "q" }),
  tree: bool("Show what each image has for which platform"),
};

export default defineCommand({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  count: atMost(1),
  completes: "images",
  flags,
  async run(context, { flags: given, args }) {
    const [reference] = args;
    const filters =
      reference === undefined
        ? given.filter
        : { ...given.filter, reference: [...(given.filter["reference"] ?? []), reference] };
    if (given.tree) checkTree(given);
    const format = given.format || (given.quiet ? "" : ((await context.config()).imagesFormat ?? ""));
    warnQuietFormat(given.format, given.quiet, (text) => context.io.err(text));
    const images = await (
      await context.client()
    ).json<ImageSummary[]>("GET", "/images/json", {
      query: { all: given.all, filters: encodeFilters(filters), manifests: given.tree || undefined },
    });
    if (given.tree) {
      const { printImageTree } = await import("../image-tree.ts");
      return await printImageTree(context.io, images);
    }
    const withDigests = given.digests || /\.Digest\b/.test(format);
    const rows = images.flatMap((image) => imageRows(image, withDigests));
    await printRows(context.io, imageView(!given["no-trunc"], given.digests), rows, { format, quiet: given.quiet });
  },
});

/** @throws CliError for a flag that a tree has no use for. */
function checkTree(given: FlagValues<typeof flags>): void {
  if (given.quiet) throw new CliError("--quiet is not yet supported with --tree");
  if (given["no-trunc"]) throw new CliError("--no-trunc is not yet supported with --tree");
  if (given.digests) throw new CliError("--show-digest is not yet supported with --tree");
  if (given.format !== "") throw new CliError("--format is not yet supported with --tree");
}

interface ImageRow {
  image: ImageSummary;
  repository: string;
  tag: string;
  digest: string;
}

const NONE = "<none>";

/** An image stands once for each of its names; without names, once for each repository of its digests, or once. */
export function imageRows(image: ImageSummary, withDigests: boolean): ImageRow[] {
  const tags = new Map<string, string[]>();
  const digests = new Map<string, string[]>();
  for (const name of image.RepoTags ?? []) {
    const colon = name.lastIndexOf(":");
    if (name !== "<none>:<none>") append(tags, name.slice(0, colon), name.slice(colon + 1));
  }
  for (const name of image.RepoDigests ?? []) {
    const at = name.lastIndexOf("@");
    if (name !== "<none>@<none>") append(digests, name.slice(0, at), name.slice(at + 1));
  }
  if (tags.size === 0 && digests.size === 0) return [{ image, repository: NONE, tag: NONE, digest: NONE }];
  const rows: ImageRow[] = [];
  for (const [repository, names] of tags) {
    const known = digests.get(repository) ?? [];
    digests.delete(repository);
    for (const tag of names) {
      if (!withDigests || known.length === 0) rows.push({ image, repository, tag, digest: NONE });
      else for (const digest of known) rows.push({ image, repository, tag, digest });
    }
  }
  for (const [repository, known] of digests) {
    if (withDigests) for (const digest of known) rows.push({ image, repository, tag: NONE, digest });
    else rows.push({ image, repository, tag: NONE, digest: NONE });
  }
  return rows;
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

/** @param digests whether the plain table has them. */
export function imageView(truncate: boolean, digests: boolean): View<ImageRow> {
  return {
    type: "*formatter.imageContext",
    raw: "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
    columns: ["Repository", "Tag", ...(digests ? ["Digest"] : []), "ID", "CreatedSince", "Size"],
    fields: {
      Repository: { header: "REPOSITORY", value: ({ repository }) => repository },
      Tag: { header: "TAG", value: ({ tag }) => tag },
      Digest: { header: "DIGEST", value: ({ digest }) => digest },
      ID: { header: "IMAGE ID", value: ({ image }) => (truncate ? shortId(image.Id) : image.Id) },
      CreatedSince: { header: "CREATED", value: ({ image }) => since(image.Created) },
      CreatedAt: { header: "CREATED AT", value: ({ image }) => formatLocalTime(image.Created) },
      Size: { header: "SIZE", value: ({ image }) => humanSize(image.Size, 3) },
      Containers: {
        header: "CONTAINERS",
        value: ({ image }) => (image.Containers === -1 ? "N/A" : String(image.Containers)),
      },
      VirtualSize: { header: "SIZE", value: ({ image }) => humanSize(image.Size) },
      SharedSize: {
        header: "SHARED SIZE",
        value: ({ image }) => (image.SharedSize === -1 ? "N/A" : humanSize(image.SharedSize)),
      },
      UniqueSize: {
        header: "UNIQUE SIZE",
        value: ({ image }) => (image.SharedSize === -1 ? "N/A" : humanSize(image.Size - image.SharedSize)),
      },
    },
  };
}

/** Images without a date say so. */
function since(created: number): string {
  return created <= 0 ? "N/A" : `${humanDuration(Date.now() - created * 1000)} ago`;
}
