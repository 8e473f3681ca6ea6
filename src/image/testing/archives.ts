import { gzipSync } from "node:zlib";
import { emptyEntry, formatHeader, TRAILER, type TarEntry } from "../../archive/index.ts";
import { sha256 } from "../../base/index.ts";

/** Archives for tests, made member by member. */

export type Member = {
  name: string;
  data?: Uint8Array | string;
  link?: string;
  type?: TarEntry["type"];
  mode?: number;
};

export function tar(members: readonly Member[]): Buffer {
  const blocks = members.flatMap((member) => {
    const data = Buffer.from(member.data ?? "");
    const type = member.type ?? (member.name.endsWith("/") ? "directory" : "file");
    const header = formatHeader({
      ...emptyEntry(type, member.name),
      mode: member.mode ?? (type === "directory" ? 0o755 : 0o644),
      linkName: member.link ?? "",
      size: data.length,
      mtime: 1_700_000_000,
    });
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, TRAILER]);
}

export async function* stream(bytes: Uint8Array, chunk = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
}

export interface TestImage {
  config: Buffer;
  id: string;
  layers: Buffer[];
}

/** An image of these layers, with whatever else its config should say. */
export function image(layers: readonly Buffer[], more: Record<string, unknown> = {}): TestImage {
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      created: "2023-11-14T22:13:20Z",
      config: { Cmd: ["sh"], Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => sha256(layer)) },
      history: layers.map((_, i) => ({ created: "2023-11-14T22:13:20Z", created_by: `step ${i}` })),
      ...more,
    }),
  );
  return { config, id: sha256(config), layers: [...layers] };
}

/** What `docker save` made before it wrote OCI layouts. The manifest comes last. */
export function dockerArchive(images: ReadonlyArray<{ image: TestImage; tags: string[] }>): Buffer {
  const members = new Map<string, Member>();
  const add = (member: Member): void => void members.set(member.name, member);
  const manifest = images.map(({ image: { config, id, layers }, tags }) => {
    add({ name: `${id.slice(7)}.json`, data: config });
    const names = layers.map((layer) => `${sha256(layer).slice(7)}/layer.tar`);
    for (const [i, layer] of layers.entries()) add({ name: names[i] ?? "", data: layer });
    return { Config: `${id.slice(7)}.json`, RepoTags: tags, Layers: names };
  });
  add({ name: "manifest.json", data: JSON.stringify(manifest) });
  return tar([...members.values()]);
}

export const blob = (bytes: Uint8Array): Member => ({ name: `blobs/${sha256(bytes).replace(":", "/")}`, data: bytes });

export function descriptor(mediaType: string, bytes: Uint8Array): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: sha256(bytes), size: bytes.length };
}

/** Members of an OCI layout with gzipped layers. */
export function ociLayout(source: TestImage, name: string): Member[] {
  const layers = source.layers.map((layer) => gzipSync(layer));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: descriptor("application/vnd.oci.image.config.v1+json", source.config),
      layers: layers.map((layer) => descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)),
    }),
  );
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        ...descriptor("application/vnd.oci.image.manifest.v1+json", manifest),
        annotations: { "io.containerd.image.name": name },
      },
    ],
  };
  return [
    { name: "index.json", data: JSON.stringify(index) },
    { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
    ...[...layers, manifest, source.config].map(blob),
  ];
}
