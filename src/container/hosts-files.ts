import { chown, readFile, rm, stat, writeFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { errnoOf } from "../base/index.ts";
import { logFileIn } from "../logging/index.ts";
import type { AttachedNetworking } from "../network/index.ts";
import { runFileSteps, type BlockingCalls, type FileStep } from "../sys/index.ts";
import { networkMode } from "./create/modes.ts";
import type { ContainerRecord } from "./record.ts";
import type { ContainerFiles } from "./spec/mounts.ts";

const LOCAL_LINES = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/** Bytes; a container may write what it likes into these files, and the engine is not to read all of that. */
const MAX_SIZE = 1 << 20;

export function filesIn(folder: string): ContainerFiles {
  return { hosts: join(folder, "hosts"), hostname: join(folder, "hostname"), resolvConf: join(folder, "resolv.conf") };
}

type Calls = Pick<BlockingCalls, "fileSteps">;

/** What the network says of a container; undefined: it has none. */
export interface HostsFacts {
  attached: AttachedNetworking | undefined;
  /** What `host-gateway` means in `--add-host`. */
  hostGateways: readonly string[];
}

/**
 * Makes the files, so that they can be bound before the network is known.
 * @param owner the container's root on the host, when that is another user.
 * @param facts when they are known already: the files are whole then.
 */
export async function prepareFiles(
  calls: Calls,
  files: ContainerFiles,
  record: ContainerRecord,
  options: { owner: { uid: number; gid: number } | undefined; facts: HostsFacts | undefined },
): Promise<void> {
  const { owner, facts } = options;
  const texts = facts === undefined ? { hosts: "", resolvConf: "" } : await textsOf(record, facts);
  await runFileSteps(calls, [
    ...contentSteps(files, texts),
    { op: "write", path: files.hostname, data: `${record.config.Hostname ?? ""}\n`, mode: 0o644 },
  ]);
  if (owner === undefined) return;
  const { hosts, hostname, resolvConf } = files;
  await Promise.all([hosts, hostname, resolvConf].map((file) => chown(file, owner.uid, owner.gid)));
}

/** Fills hosts and resolv.conf. They are written in place: the container has these very files bound. */
export async function fillFiles(
  calls: Calls,
  files: ContainerFiles,
  record: ContainerRecord,
  facts: HostsFacts,
): Promise<void> {
  await runFileSteps(calls, contentSteps(files, await textsOf(record, facts)));
}

/** Removes a container's folder with all that is in it. */
export async function removeFolder(calls: Calls, folder: string, id: string): Promise<void> {
  const { hosts, hostname, resolvConf } = filesIn(folder);
  try {
    await runFileSteps(calls, [
      ...[hosts, hostname, resolvConf, logFileIn(folder, id)].map(
        (path) => ({ op: "unlink", path, missing: true }) as const,
      ),
      { op: "rmdir", path: folder, missing: true },
    ]);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    await rm(folder, { recursive: true, force: true });
  }
}

function contentSteps(files: ContainerFiles, texts: { hosts: string; resolvConf: string }): FileStep[] {
  return [
    { op: "write", path: files.hosts, data: texts.hosts, mode: 0o644 },
    { op: "write", path: files.resolvConf, data: texts.resolvConf, mode: 0o644 },
  ];
}

async function textsOf(record: ContainerRecord, { attached, hostGateways }: HostsFacts) {
  const host = networkMode(record.hostConfig.NetworkMode).kind === "host";
  const base = host ? (await read("/etc/hosts")).trimEnd().split("\n") : LOCAL_LINES;
  const extra = (record.hostConfig.ExtraHosts ?? []).flatMap((entry) => extraHost(entry, hostGateways));
  const hosts = [...base, ...extra, ...ownLines(attached)].join("\n");
  const resolvConf = attached?.resolvConf ?? withOverrides(await read("/etc/resolv.conf"), record);
  return { hosts: `${hosts}\n`, resolvConf };
}

/**
 * Brings hosts and resolv.conf up to date after a network came or went. Lines that the container wrote stay, and so does a
 * resolv.conf that it changed.
 */
export async function updateFiles(
  files: ContainerFiles,
  record: ContainerRecord,
  before: AttachedNetworking | undefined,
  after: AttachedNetworking | undefined,
): Promise<void> {
  const sizes = await Promise.all([files.hosts, files.resolvConf].map(async (file) => (await stat(file)).size));
  if (sizes.some((size) => size > MAX_SIZE)) return;
  const [had, has] = [ownLines(before), ownLines(after)];
  const lines = (await read(files.hosts)).trimEnd().split("\n");
  const kept = lines.filter((line) => !had.includes(line) || has.includes(line));
  const hosts = [...kept, ...has.filter((line) => !kept.includes(line))];
  await writeFile(files.hosts, `${hosts.join("\n")}\n`);
  const resolvConf = async (attached: AttachedNetworking | undefined) =>
    attached?.resolvConf ?? withOverrides(await read("/etc/resolv.conf"), record);
  if ((await read(files.resolvConf)) === (await resolvConf(before))) {
    await writeFile(files.resolvConf, await resolvConf(after));
  }
}

/** Gives a linked name its new addresses, after the container that it means was started again. */
export async function updateLink(files: ContainerFiles, lines: ReadonlyArray<HostsLine>): Promise<void> {
  if ((await stat(files.hosts)).size > MAX_SIZE) return;
  const before = await read(files.hosts);
  const texts = before.trimEnd().split("\n");
  for (const { address, names } of lines) {
    const index = texts.findIndex((text) => {
      const [known = "", name] = text.split(/\s+/);
      return name === names[0] && isIPv6(known) === isIPv6(address);
    });
    texts.splice(index < 0 ? texts.length : index, 1, `${address}\t${names.join(" ")}`);
  }
  const after = `${texts.join("\n")}\n`;
  if (after !== before) await writeFile(files.hosts, after);
}

type HostsLine = AttachedNetworking["hostsLines"][number];

function ownLines(attached: AttachedNetworking | undefined): string[] {
  return (attached?.hostsLines ?? []).map(({ address, names }) => `${address}\t${names.join(" ")}`);
}

/** `name:address` or `name=address`; several addresses of `host-gateway` are one line each. */
function extraHost(entry: string, hostGateways: readonly string[]): string[] {
  const separator = entry.search(/[:=]/);
  const name = entry.slice(0, separator);
  const address = entry.slice(separator + 1).replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway") return [`${address}\t${name}`];
  return hostGateways.map((gateway) => `${gateway}\t${name}`);
}

/** The host's resolv.conf with the container's own dns options in place of the host's. */
function withOverrides(text: string, record: ContainerRecord): string {
  const { Dns = [], DnsSearch = [], DnsOptions = [] } = record.hostConfig;
  const replaced: Array<[string, string[], string]> = [
    ["nameserver", Dns, Dns.map((server) => `nameserver ${server}`).join("\n")],
    ["search", DnsSearch, DnsSearch.includes(".") ? "" : `search ${DnsSearch.join(" ")}`],
    ["options", DnsOptions, `options ${DnsOptions.join(" ")}`],
  ];
  let lines = text.trimEnd().split("\n");
  for (const [keyword, values, line] of replaced) {
    if (values.length === 0) continue;
    lines = lines.filter((old) => !old.startsWith(keyword) && !(keyword === "search" && old.startsWith("domain")));
    if (line !== "") lines.push(line);
  }
  return `${lines.join("\n")}\n`;
}

async function read(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => ""); // a host without the file: an empty one, as Docker does
}
