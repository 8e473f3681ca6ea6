import type { PathLike } from "../sys/index.ts";
import type { ByteString } from "./types.ts";

/** The name for the kernel: text when it is plain ASCII (cheaper), else its bytes. */
export function toKernel(name: ByteString): PathLike {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0x7f) return Buffer.from(name, "latin1");
  return name;
}

export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

export function toBytes(text: ByteString): Buffer {
  return Buffer.from(text, "latin1");
}

/** What a human reads: UTF-8 where it is, replacement characters where it is not. */
export function toText(name: ByteString): string {
  return Buffer.from(name, "latin1").toString("utf8");
}

/** The bytes of a text from a request. */
export function fromText(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Go's filepath.Clean: no empty parts, no `.`, and `..` only in front of a relative path; `.` for nothing. */
export function cleanPath(path: ByteString): ByteString {
  if (isClean(path)) return path;
  const absolute = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!absolute) parts.push("..");
  }
  if (absolute) return `/${parts.join("/")}`;
  return parts.length === 0 ? "." : parts.join("/");
}

/** Most names are clean; this sees it without splitting. */
function isClean(path: string): boolean {
  const length = path.length;
  if (length === 0 || path.charCodeAt(length - 1) === 0x2f) return false;
  let start = true; // of a part
  for (let i = 0; i < length; i++) {
    const code = path.charCodeAt(i);
    if (start && (code === 0x2e || code === 0x2f)) return false; // may be `.`, `..` or hidden: take the slow way
    start = code === 0x2f;
  }
  return true;
}

/**
 * A name of an archive as a path beneath the target: clean, relative, "" for the target itself.
 * Absolute names count from the target. Undefined when it leads out.
 */
export function beneath(name: ByteString): ByteString | undefined {
  const clean = cleanPath(name);
  const relative = clean.startsWith("/") ? clean.slice(1) : clean;
  if (relative === "" || relative === ".") return "";
  if (relative === ".." || relative.startsWith("../")) return undefined;
  return relative;
}

export function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export function baseOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Both may be empty. */
export function joinPath(parent: ByteString, name: ByteString): ByteString {
  if (parent === "") return name;
  return name === "" ? parent : `${parent}/${name}`;
}

/** Byte order, as Go sorts strings. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
