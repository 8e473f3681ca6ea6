import { unknown } from "../../base/index.ts";
import { parseDecimal, parseGroup, parsePasswd, type GroupEntry, type PasswdEntry } from "./databases.ts";

/** The text of the image's files; empty when it has none. */
export interface UserFiles {
  passwd: string;
  group: string;
}

export interface ResolvedUser {
  uid: number;
  gid: number;
  /** The primary group, then the user's own groups, then those asked for. */
  additionalGids: number[];
  /** From passwd; `/` for a user that is not in it. */
  home: string;
}

const MAX_ID = 2 ** 31 - 1;

/**
 * Who a container's process is, by the image's files. Forms: `""` (root), `name`, `uid`, `name:group`, `uid:gid` and
 * mixed. Digits are always a number, never a name, so that a hostile passwd cannot make `1000` root.
 * @param groupAdd further groups (`--group-add`), names or numbers.
 * @throws unknown (Docker answers 500) with Docker's texts for who is not there, and for ids outside of 0..2^31-1.
 */
export function resolveUser(files: UserFiles, user: string, groupAdd: readonly string[] = []): ResolvedUser {
  const [userPart = "", ...rest] = user.split(":");
  const groupPart = rest.join(":");
  const groups = parseGroup(files.group);
  const entry = findUser(parsePasswd(files.passwd), userPart);
  const uid = entry?.uid ?? numericUser(userPart);
  const { gid, own } = primaryGroup(groups, groupPart, entry);
  const added = groupAdd.map((name) => inRange(findGroup(groups, name)));
  return {
    uid: inRange(uid),
    gid: inRange(gid),
    additionalGids: [gid, ...own.map(inRange), ...added],
    home: entry?.home ? entry.home : "/",
  };
}

function findUser(entries: PasswdEntry[], user: string): PasswdEntry | undefined {
  const number = user === "" ? 0 : parseDecimal(user);
  return entries.find((entry) => (number === undefined ? entry.name === user : entry.uid === number));
}

function numericUser(user: string): number {
  const number = user === "" ? 0 : parseDecimal(user);
  if (number === undefined) throw unknown(`unable to find user ${user}: no matching entries in passwd file`);
  return number;
}

function primaryGroup(groups: GroupEntry[], group: string, user: PasswdEntry | undefined) {
  if (group !== "") return { gid: findGroup(groups, group), own: [] };
  const own = user === undefined ? [] : groups.filter((entry) => entry.members.includes(user.name));
  return { gid: user?.gid ?? 0, own: own.map((entry) => entry.gid) };
}

function findGroup(groups: GroupEntry[], group: string): number {
  const number = parseDecimal(group);
  if (number !== undefined) return number;
  const entry = groups.find(({ name }) => name === group);
  if (entry === undefined) throw unknown(`unable to find group ${group}: no matching entries in group file`);
  return entry.gid;
}

function inRange(id: number): number {
  if (id < 0 || id > MAX_ID) throw unknown(`uids and gids must be in range 0-${MAX_ID}`);
  return id;
}
