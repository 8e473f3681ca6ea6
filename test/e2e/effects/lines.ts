import { normaliseText, type Names } from "../matrix/normalise.ts";

/** What a container of an attempt may be named after, and whose namespaces there are. */
export interface Known {
  names: Names;
  /** By what a link in /proc/PID/ns names. */
  owners: ReadonlyMap<string, string>;
  /** What was asked for: addresses in it are not chance. */
  asked: string;
}

/** The lines that a script told, each `SECTION LINE`, without what differs between any two runs, engines or machines. */
export function linesOf(text: string, known: Known): string[] {
  const lines: string[] = [];
  let section = "";
  for (const line of text.replaceAll("\r", "").split("\n")) {
    const head = /^\[([a-z]+)\]$/.exec(line)?.[1];
    if (head !== undefined) section = head;
    else if (line !== "") lines.push(...lineOf(section, line, known).map((kept) => `${section} ${kept}`));
  }
  return lines;
}

/** A text without addresses that nobody asked for, and with ports that are chance as such. */
export function withoutChance(text: string, { names, asked }: Known): string {
  const unless = (found: string, name: string) => (asked.includes(found) ? found : name);
  return normaliseText(text, names)
    .replace(/\b(?:\d{1,3}\.){3}\d{1,3}\b/g, (found) => (/^(0|127|255)\./.test(found) ? found : unless(found, "<ip>")))
    .replace(/\bveth[0-9a-f]{7}\b/g, "<veth>")
    .replace(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/gi, (found) => unless(found, "<mac>"));
}

const KEPT_OPTIONS = /^(lowerdir|upperdir|workdir|lowerdir\+|uuid|index|size)=/;
const OF_THE_KERNEL: ReadonlySet<string> = new Set("proc tmpfs devpts sysfs cgroup cgroup2 mqueue overlay".split(" "));

const STANDARD_DEVICES =
  /^\/dev\/(console|core|fd|full|mqueue|null|ptmx|pts|random|shm|stderr|stdin|stdout|tty|urandom|zero|x|y) /;

function lineOf(section: string, line: string, known: Known): string[] {
  const text = withoutChance(line, known);
  switch (section) {
    case "mounts":
      return mountOf(text, known);
    case "cgroup":
      return [withoutParent(text.replace(/^\d+:/, ""), known)];
    case "limits":
      return [text.replace(/(cpuset\.\w+):0-\d+$/, "$1:<all>")];
    case "devices":
      // What other devices there are is the machine's.
      return STANDARD_DEVICES.test(text) || known.asked.includes(text.split(" ")[0] ?? "") ? [text] : [];
    case "process":
      return [text.replace(/^\/proc\/\d+\//, "").replace(/\s+/g, " ")];
    case "rlimits":
      return known.asked.includes("Ulimits") && /^Max (open|core)/.test(text) ? [text.replace(/ +/g, " ")] : [];
    case "status":
      return [text.replace(/\s+/g, " ").replace(/^(Cpus|Mems)_allowed_list: 0-\d+$/, "$1_allowed_list: <all>")];
    case "files":
      // Where an engine takes the servers of names from is its own; only what was asked for is comparable.
      if (/resolv\.conf:#|resolv\.conf:$/.test(text)) return [];
      return known.asked.includes("Dns") || !text.includes("resolv.conf") ? [text.replace(/\s+/g, " ")] : [];
    case "network":
      return /fe80:|eth\d+@if\d+ +inet6/.test(text)
        ? []
        : [text.replace(/eth(\d+)@if\d+/g, "eth$1").replace(/^\d+: /, "")];
    case "namespaces": {
      const [kind = "", link = ""] = text.split(" ");
      return [`${kind} ${known.owners.get(link) ?? "own"}`];
    }
    default:
      return [text];
  }
}

/** An engine's containers stand beneath a cgroup of its own. */
function withoutParent(path: string, { asked }: Known): string {
  return path.replace(/\/([\w.-]+)(?=\/<(id|peer)>)/, (parent, name: string) =>
    asked.includes(name) ? parent : "/<parent>",
  );
}

/** Whether a line tells of a namespace of the host's, of which everything is the machine's. */
export function isOfHost(line: string, asked: string): boolean {
  const asksFor = (mode: string) => new RegExp(`${mode}"?[=:]"host"`).test(asked);
  if (/^(network|files|sysctl net\/)/.test(line)) return asksFor("NetworkMode");
  if (!line.startsWith("mounts /dev/shm ")) return false;
  return asksFor("IpcMode") || asked.endsWith("against namespaces of the host");
}

function mountOf(line: string, known: Known): string[] {
  const [own = "", source = ""] = line.split(" - ");
  const [, , , root = "", target = "", options = "", ...propagation] = own.split(" ");
  const [type = "", device = "", settings = ""] = source.split(" ");
  const shared = propagation.map((word) => word.replace(/:\d+/, "")).join(",");
  if (!OF_THE_KERNEL.has(type)) return [`${target} ${options} from the disk: ${placeOf(root)}`];
  const kept = settings.split(",").filter((setting) => !KEPT_OPTIONS.test(setting) || setting.startsWith("size="));
  return [`${target} ${options} ${shared} ${type} ${device} ${kept.join(",")} ${withoutParent(root, known)}`];
}

function placeOf(path: string): string {
  return path
    .replace(/^.*\/volumes\/(<hex>|<prefix>[^/]*)\/_data/, "<volume>")
    .replace(/^.*\/containers\/<(id|peer)>\//, "<$1>/");
}
