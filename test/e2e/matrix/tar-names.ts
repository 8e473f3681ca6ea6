/** The names in a tar, directories with a slash, in its order. */
export function tarNames(archive: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + 512 <= archive.length;) {
    const name = textAt(archive, at, 100);
    if (name === "") break;
    const size = Number.parseInt(textAt(archive, at + 124, 12).trim() || "0", 8);
    const type = textAt(archive, at + 156, 1);
    if (type !== "x" && type !== "g") names.push(name);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return names;
}

function textAt(archive: Buffer, at: number, length: number): string {
  return archive.toString("latin1", at, at + length).replace(/\0.*$/s, "");
}
