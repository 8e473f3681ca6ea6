import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, type Native, S_IFBLK, S_IFCHR, S_IFIFO } from "../../sys/index.ts";
import { describeTree } from "./describe-tree.ts";

/** One of everything that a layer can hold. */
export function makeRichTree(native: Native, root: string): void {
  const at = (name: string) => join(root, name);
  mkdirSync(at("etc/ssl"), { recursive: true });
  writeFileSync(at("etc/passwd"), "root:x:0:0\n");
  writeFileSync(at("etc/empty"), "");
  writeFileSync(at("etc/block"), Buffer.alloc(512, 0x61));
  writeFileSync(at("etc/big"), Buffer.alloc(700_001, "pattern of the big file"));
  chmodSync(at("etc/passwd"), 0o4711);
  chownSync(at("etc/empty"), 1000, 3_000_000);
  linkSync(at("etc/passwd"), at("etc/ssl/hard"));
  symlinkSync("../passwd", at("etc/ssl/soft"));
  symlinkSync("/nowhere/at/all", at("dangling"));
  native.lsetxattr(at("etc/passwd"), "user.note", Buffer.from([0, 1, 255, 10]), 0);
  native.lsetxattr(at("etc/ssl"), "user.directory", Buffer.from("d"), 0);
  // A file capability (cap_net_bind_service=ep), revision 2.
  const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
  native.lsetxattr(at("etc/block"), "security.capability", capability, 0);
  native.mknodat(AT_FDCWD, at("pipe"), S_IFIFO | 0o620, 0, 0);
  native.mknodat(AT_FDCWD, at("null"), S_IFCHR | 0o666, 1, 3);
  native.mknodat(AT_FDCWD, at("disk"), S_IFBLK | 0o660, 259, 70_000);
  mkdirSync(at("tmp"));
  chmodSync(at("tmp"), 0o1777);
  makeNames(root);
  makeSparse(at("sparse"));
  setTimes(native, root);
}

/** Long, odd and non-UTF-8 names. */
function makeNames(root: string): void {
  const deep = join(root, "n".repeat(90), "o".repeat(90), "p".repeat(90));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "q".repeat(255)), "long");
  symlinkSync("t".repeat(300), join(root, "long-target"));
  writeFileSync(join(root, "grüße ☃"), "utf8");
  writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff, 0xfe, 0x80])]), "bytes");
  writeFileSync(join(root, "new\nline"), "");
  writeFileSync(join(root, "-dash and space "), "");
  mkdirSync(join(root, "...dots"));
}

/** 8 MiB with two islands. */
export function makeSparse(path: string): void {
  const fd = openSync(path, "w");
  try {
    writeSync(fd, Buffer.from("start"), 0, 5, 1 << 20);
    writeSync(fd, Buffer.from("end"), 0, 3, 5 << 20);
    ftruncateSync(fd, 8 << 20);
  } finally {
    closeSync(fd);
  }
}

/** A time of its own for each, directories too, which must be last. */
function setTimes(native: Native, root: string): void {
  let second = 1_500_000_000;
  for (const line of describeTree(native, root).toReversed()) {
    const name: unknown = JSON.parse(/^"(?:[^"\\]|\\.)*"/.exec(line)?.[0] ?? '""');
    const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(String(name), "latin1")]);
    second += 1;
    const nanos = BigInt(second) * 1_000_000_000n + BigInt(second % 1000) * 1_001n;
    native.utimensat(AT_FDCWD, path, nanos, nanos, 0x100);
  }
}
