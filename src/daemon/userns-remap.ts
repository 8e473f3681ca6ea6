import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../base/index.ts";
import type { IdMapping, IdMappings } from "../spec/index.ts";
import { noSubordinateIds, unknownRemapGroup, unknownRemapUser } from "./errors.ts";

/** Who `default` is, in Docker too. */
const DEFAULT_USER = "dockremap";

/**
 * The ids that `--userns-remap` gives to containers: those that /etc/subuid and /etc/subgid (subuid(5)) grant to the user.
 * @param text `default`, or a user and perhaps a group, by names or numbers.
 * @param folder in place of /etc.
 * @returns undefined for root, which would be mapped to itself.
 * @throws invalid when there is no such user or group, or no range for it.
 */
export async function readRemapping(text: string, folder = "/etc"): Promise<IdMappings | undefined> {
  const [userText = "", groupText] = (text === "default" ? DEFAULT_USER : text).split(":");
  const user = await findUser(userText, folder);
  if (groupText !== undefined) await checkGroup(groupText, folder);
  if (user.uid === "0") return undefined;
  const uids = await readRanges(join(folder, "subuid"), user);
  return { uids, gids: await readRanges(join(folder, "subgid"), user) };
}

interface User {
  name: string | undefined;
  uid: string;
}

async function findUser(text: string, folder: string): Promise<User> {
  const rows = await readRows(join(folder, "passwd"));
  const row = rows.find(([name, , uid]) => name === text || uid === text);
  const [name, , uid] = row ?? [];
  if (uid !== undefined) return { name, uid };
  // A number needs no account: its ranges can stand under the number.
  if (/^\d+$/.test(text)) return { name: undefined, uid: text };
  throw unknownRemapUser(text);
}

async function checkGroup(text: string, folder: string): Promise<void> {
  if (/^\d+$/.test(text)) return;
  const rows = await readRows(join(folder, "group"));
  if (!rows.some(([name]) => name === text)) throw unknownRemapGroup(text);
}

/** All ranges of the user, one after another from the container's id 0 on. */
async function readRanges(file: string, { name, uid }: User): Promise<IdMapping[]> {
  const ranges = (await readRows(file))
    .filter(([owner]) => owner !== undefined && (owner === name || owner === uid))
    .map(([, start = "", size = ""]) => ({ hostID: Number(start), size: Number(size) }))
    .filter(({ hostID, size }) => Number.isInteger(hostID) && Number.isInteger(size) && hostID > 0 && size > 0)
    .sort((a, b) => a.hostID - b.hostID);
  if (ranges.length === 0) throw noSubordinateIds(file, name ?? uid);
  let containerID = 0;
  return ranges.map(({ hostID, size }) => {
    const mapping = { containerID, hostID, size };
    containerID += size;
    return mapping;
  });
}

async function readRows(file: string): Promise<string[][]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}
