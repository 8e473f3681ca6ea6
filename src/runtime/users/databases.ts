/** Lines of passwd(5) and group(5), read as leniently as Docker does: short lines count, a bad number is 0. */

export interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

export interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

export function parsePasswd(text: string): PasswdEntry[] {
  return rows(text).map(([name = "", , uid, gid, , home = ""]) => ({ name, uid: number(uid), gid: number(gid), home }));
}

export function parseGroup(text: string): GroupEntry[] {
  return rows(text).map(([name = "", , gid, members = ""]) => ({
    name,
    gid: number(gid),
    members: members === "" ? [] : members.split(","),
  }));
}

function rows(text: string): string[][] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => line.split(":"));
}

/** A decimal number as Go's Atoi takes it, or 0. */
function number(text: string | undefined): number {
  return parseDecimal(text ?? "") ?? 0;
}

/** Undefined when `text` is not a decimal number. One that is beyond all ids stays so, though not to the digit. */
export function parseDecimal(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}
