import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { tar, type TarEntry } from "./tar.ts";

const APPLETS =
  "sh ash cat echo true false sleep ls id env ps mount umount grep sed awk head tail wc cut tr sort uniq dd stat touch rm mkdir rmdir mv cp ln chmod chown kill test printf seq date hostname ip ping nc wget httpd nslookup vi yes tee find xargs readlink dmesg df du free top stty tty unshare nsenter su uname whoami pwd expr time timeout od hexdump md5sum sha256sum tar gzip mktemp mknod ulimit";

export const sha256Hex = (data: Uint8Array | string): string => createHash("sha256").update(data).digest("hex");

/** The file tree of a small image: busybox-static with its applets, users and the usual folders. */
export function busyboxEntries(): TarEntry[] {
  const directory = (name: string, mode = 0o755): TarEntry => ({ name: `${name}/`, type: "5", mode });
  return [
    ...["bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "var", "www"].map((name) => directory(name)),
    directory("tmp", 0o1777),
    { name: "bin/busybox", mode: 0o755, data: readFileSync("/bin/busybox") },
    ...APPLETS.split(" ").map((name): TarEntry => ({ name: `bin/${name}`, type: "2", mode: 0o777, link: "busybox" })),
    {
      name: "etc/passwd",
      data: "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nguest:x:405:100:guest:/home:/bin/sh\n",
    },
    { name: "etc/group", data: "root:x:0:\ndaemon:x:1:\ndisk:x:6:guest\nusers:x:100:guest\n" },
  ];
}

export interface ImageRecipe {
  name: string;
  layers: TarEntry[][];
  /** Members of `config` in the image configuration. */
  config?: Record<string, unknown>;
}

/** A docker-archive (manifest.json form) of one image. */
export function dockerArchive(recipe: ImageRecipe): Buffer {
  const layers = recipe.layers.map((entries) => tar(entries));
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    created: "2024-01-01T00:00:00Z",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["sh"],
      ...recipe.config,
    },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256Hex(layer)}`) },
    history: layers.map(() => ({ created: "2024-01-01T00:00:00Z", created_by: "test" })),
  });
  const configName = `${sha256Hex(config)}.json`;
  const layerNames = layers.map((layer) => `${sha256Hex(layer)}/layer.tar`);
  const manifest = [{ Config: configName, RepoTags: [recipe.name], Layers: layerNames }];
  return tar([
    { name: configName, data: config },
    ...layers.map((data, index): TarEntry => ({ name: layerNames[index] ?? "", data })),
    { name: "manifest.json", data: JSON.stringify(manifest) },
  ]);
}

/** `busybox:local`, one layer. */
export function busyboxArchive(name = "busybox:local", config: Record<string, unknown> = {}): Buffer {
  return dockerArchive({ name, layers: [busyboxEntries()], config });
}
