import type { Command } from "./command.ts";

/**
 * Every command: its names, what it is for, and where it is declared. Parsing, help, completion and docs derive from this
 * table. It is loaded at each start, so it holds nothing else; a command's file is loaded when the command is used.
 */
export interface Entry {
  /** All names, in the order that help shows them; `container ls` is one name. */
  names: readonly [string, ...string[]];
  summary: string;
  /** True: it does its work without an engine. */
  local?: true;
  load(): Promise<{ default: Command }>;
}

export interface Group {
  name: string;
  summary: string;
  /** What follows the name in `Usage:` of errors: two of Docker's groups show it. */
  usage?: string;
}

export const groups: readonly Group[] = [
  { name: "builder", summary: "Work with what builds leave" },
  { name: "container", summary: "Work with containers" },
  { name: "context", summary: "Work with contexts" },
  { name: "image", summary: "Work with images" },
  {
    name: "manifest",
    summary: "Make lists of images for several platforms, and look into registries",
    usage: "COMMAND",
  },
  { name: "network", summary: "Work with networks" },
  { name: "system", summary: "Look after the engine" },
  { name: "volume", summary: "Work with volumes", usage: "COMMAND" },
];

/** Commands that root help lists first. */
export const common: readonly string[] = [
  "run",
  "exec",
  "ps",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
];

export const entries: readonly Entry[] = [
  {
    names: ["builder prune"],
    summary: "Remove what builds left",
    load: () => import("./commands/builder-prune.ts"),
  },
  {
    names: ["container attach", "attach"],
    summary: "Connect this terminal to a running container",
    load: () => import("./commands/attach.ts"),
  },
  {
    names: ["container commit", "commit"],
    summary: "Make an image of a container's changes",
    load: () => import("./commands/commit.ts"),
  },
  {
    names: ["container cp", "cp"],
    summary: "Copy files between a container and this machine",
    load: () => import("./commands/cp.ts"),
  },
  {
    names: ["container create", "create"],
    summary: "Make a container without starting it",
    load: () => import("./commands/create.ts"),
  },
  {
    names: ["container diff", "diff"],
    summary: "Show what changed in a container's file system",
    load: () => import("./commands/diff.ts"),
  },
  {
    names: ["container exec", "exec"],
    summary: "Run a command in a running container",
    load: () => import("./commands/exec.ts"),
  },
  {
    names: ["container export", "export"],
    summary: "Write a container's file system as a tar archive",
    load: () => import("./commands/export.ts"),
  },
  {
    names: ["container inspect"],
    summary: "Show all that is known of containers",
    load: () => import("./commands/container-inspect.ts"),
  },
  {
    names: ["container kill", "kill"],
    summary: "Send a signal to running containers, SIGKILL if no other",
    load: () => import("./commands/kill.ts"),
  },
  {
    names: ["container logs", "logs"],
    summary: "Show what a container has written",
    load: () => import("./commands/logs.ts"),
  },
  {
    names: ["container ls", "container list", "container ps", "ps"],
    summary: "List containers",
    load: () => import("./commands/ps.ts"),
  },
  {
    names: ["container pause", "pause"],
    summary: "Freeze all processes of containers",
    load: () => import("./commands/pause.ts"),
  },
  {
    names: ["container port", "port"],
    summary: "Show where a container's ports are published",
    load: () => import("./commands/port.ts"),
  },
  {
    names: ["container prune"],
    summary: "Remove all stopped containers",
    load: () => import("./commands/container-prune.ts"),
  },
  {
    names: ["container rename", "rename"],
    summary: "Give a container another name",
    load: () => import("./commands/rename.ts"),
  },
  {
    names: ["container restart", "restart"],
    summary: "Stop and start containers",
    load: () => import("./commands/restart.ts"),
  },
  {
    names: ["container rm", "container remove", "rm"],
    summary: "Remove containers",
    load: () => import("./commands/rm.ts"),
  },
  {
    names: ["container run", "run"],
    summary: "Make a container from an image and start it",
    load: () => import("./commands/run.ts"),
  },
  {
    names: ["container start", "start"],
    summary: "Start stopped containers",
    load: () => import("./commands/start.ts"),
  },
  {
    names: ["container stats", "stats"],
    summary: "Show what containers use, again and again",
    load: () => import("./commands/stats.ts"),
  },
  { names: ["container stop", "stop"], summary: "Stop running containers", load: () => import("./commands/stop.ts") },
  {
    names: ["container top", "top"],
    summary: "Show the processes of a container",
    load: () => import("./commands/top.ts"),
  },
  {
    names: ["container unpause", "unpause"],
    summary: "Let frozen containers go on",
    load: () => import("./commands/unpause.ts"),
  },
  {
    names: ["container update", "update"],
    summary: "Change the limits of containers",
    load: () => import("./commands/update.ts"),
  },
  {
    names: ["container wait", "wait"],
    summary: "Wait until containers stop, then print their exit codes",
    load: () => import("./commands/wait.ts"),
  },
  {
    names: ["context create"],
    summary: "Make a context",
    local: true,
    load: () => import("./commands/context-create.ts"),
  },
  {
    names: ["context export"],
    summary: "Write a context as an archive",
    local: true,
    load: () => import("./commands/context-export.ts"),
  },
  {
    names: ["context import"],
    summary: "Make a context of an archive",
    local: true,
    load: () => import("./commands/context-import.ts"),
  },
  {
    names: ["context inspect"],
    summary: "Show all that is known of contexts",
    local: true,
    load: () => import("./commands/context-inspect.ts"),
  },
  {
    names: ["context ls", "context list"],
    summary: "List contexts",
    local: true,
    load: () => import("./commands/context-ls.ts"),
  },
  {
    names: ["context rm", "context remove"],
    summary: "Remove contexts",
    local: true,
    load: () => import("./commands/context-rm.ts"),
  },
  {
    names: ["context show"],
    summary: "Print the name of the context in use",
    local: true,
    load: () => import("./commands/context-show.ts"),
  },
  {
    names: ["context update"],
    summary: "Change a context",
    local: true,
    load: () => import("./commands/context-update.ts"),
  },
  {
    names: ["context use"],
    summary: "Make a context the one in use",
    local: true,
    load: () => import("./commands/context-use.ts"),
  },
  {
    names: ["debug"],
    summary: "Look into a container with the tools of another image",
    load: () => import("./commands/debug.ts"),
  },
  {
    names: ["image history", "history"],
    summary: "Show how an image was made",
    load: () => import("./commands/history.ts"),
  },
  {
    names: ["image import", "import"],
    summary: "Make an image of a file system archive",
    load: () => import("./commands/import.ts"),
  },
  {
    names: ["image inspect"],
    summary: "Show all that is known of images",
    load: () => import("./commands/image-inspect.ts"),
  },
  {
    names: ["image load", "load"],
    summary: "Take in images from an archive",
    load: () => import("./commands/load.ts"),
  },
  { names: ["image ls", "image list", "images"], summary: "List images", load: () => import("./commands/images.ts") },
  { names: ["image prune"], summary: "Remove unused images", load: () => import("./commands/image-prune.ts") },
  {
    names: ["image pull", "pull"],
    summary: "Fetch an image from a registry",
    load: () => import("./commands/pull.ts"),
  },
  { names: ["image push", "push"], summary: "Send an image to a registry", load: () => import("./commands/push.ts") },
  { names: ["image rm", "image remove", "rmi"], summary: "Remove images", load: () => import("./commands/rmi.ts") },
  { names: ["image save", "save"], summary: "Write images as an archive", load: () => import("./commands/save.ts") },
  { names: ["image tag", "tag"], summary: "Give an image one more name", load: () => import("./commands/tag.ts") },
  {
    names: ["inspect"],
    summary: "Show all that is known of objects of any kind",
    load: () => import("./commands/inspect.ts"),
  },
  { names: ["login"], summary: "Sign in to a registry", load: () => import("./commands/login.ts") },
  { names: ["logout"], summary: "Sign out of a registry", local: true, load: () => import("./commands/logout.ts") },
  {
    names: ["manifest annotate"],
    summary: "Say which platform an image of a manifest list is for",
    local: true,
    load: () => import("./commands/manifest-annotate.ts"),
  },
  {
    names: ["manifest create"],
    summary: "Begin a manifest list of images that are in a registry",
    local: true,
    load: () => import("./commands/manifest-create.ts"),
  },
  {
    names: ["manifest inspect"],
    summary: "Show a manifest or a manifest list",
    local: true,
    load: () => import("./commands/manifest-inspect.ts"),
  },
  {
    names: ["manifest push"],
    summary: "Send a manifest list to its registry",
    local: true,
    load: () => import("./commands/manifest-push.ts"),
  },
  {
    names: ["manifest rm"],
    summary: "Forget manifest lists that were begun",
    local: true,
    load: () => import("./commands/manifest-rm.ts"),
  },
  {
    names: ["network connect"],
    summary: "Connect a container to a network",
    load: () => import("./commands/network-connect.ts"),
  },
  { names: ["network create"], summary: "Make a network", load: () => import("./commands/network-create.ts") },
  {
    names: ["network disconnect"],
    summary: "Take a container off a network",
    load: () => import("./commands/network-disconnect.ts"),
  },
  {
    names: ["network inspect"],
    summary: "Show all that is known of networks",
    load: () => import("./commands/network-inspect.ts"),
  },
  { names: ["network ls", "network list"], summary: "List networks", load: () => import("./commands/network-ls.ts") },
  {
    names: ["network prune"],
    summary: "Remove all unused networks",
    load: () => import("./commands/network-prune.ts"),
  },
  {
    names: ["network rm", "network remove"],
    summary: "Remove networks",
    load: () => import("./commands/network-rm.ts"),
  },
  { names: ["search"], summary: "Search a registry for images", load: () => import("./commands/search.ts") },
  {
    names: ["system default"],
    summary: "Have Docker's clients find berth, or give their socket back",
    local: true,
    load: () => import("./commands/system-default.ts"),
  },
  {
    names: ["system dial-stdio"],
    summary: "Join standard input and output to the engine; what `ssh://` hosts run",
    load: () => import("./commands/system-dial-stdio.ts"),
  },
  { names: ["system df"], summary: "Show what takes space", load: () => import("./commands/system-df.ts") },
  {
    names: ["system events", "events"],
    summary: "Show what happens, as it happens",
    load: () => import("./commands/events.ts"),
  },
  {
    names: ["system info", "info"],
    summary: "Show the engine's state and settings",
    load: () => import("./commands/info.ts"),
  },
  { names: ["system prune"], summary: "Remove what is not used", load: () => import("./commands/system-prune.ts") },
  {
    names: ["version"],
    summary: "Show the versions of client and engine",
    load: () => import("./commands/version.ts"),
  },
  { names: ["volume create"], summary: "Make a volume", load: () => import("./commands/volume-create.ts") },
  {
    names: ["volume inspect"],
    summary: "Show all that is known of volumes",
    load: () => import("./commands/volume-inspect.ts"),
  },
  { names: ["volume ls", "volume list"], summary: "List volumes", load: () => import("./commands/volume-ls.ts") },
  { names: ["volume prune"], summary: "Remove unused volumes", load: () => import("./commands/volume-prune.ts") },
  { names: ["volume rm", "volume remove"], summary: "Remove volumes", load: () => import("./commands/volume-rm.ts") },
  {
    names: ["completion"],
    summary: "Print the completion script of a shell",
    local: true,
    load: () => import("./commands/completion.ts"),
  },
];

/** The longest name that the words start with; of a command's names in a group it is the first that is told. */
export function findEntry(
  words: readonly string[],
): { entry: Entry; name: string; rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    if (words.length < length) continue;
    // A callback would be called so often that it is compiled, which takes longer than all of this
    for (const entry of entries)
      if (entry.names.includes(name))
        return { entry, name: length === 2 ? entry.names[0] : name, rest: words.slice(length) };
  }
  return undefined;
}

/** The commands of a group by their last word. */
export function membersOf(group: string): { name: string; summary: string }[] {
  const members: { name: string; summary: string }[] = [];
  for (const { names, summary } of entries) {
    const [first] = names;
    if (first.startsWith(`${group} `)) members.push({ name: first.slice(group.length + 1), summary });
  }
  return members.sort(byName);
}

/** Commands of one word. */
export function topLevel(): { name: string; summary: string }[] {
  return entries
    .flatMap(({ names, summary }) => names.filter((name) => !name.includes(" ")).map((name) => ({ name, summary })))
    .sort(byName);
}

function byName(left: { name: string }, right: { name: string }): number {
  return left.name < right.name ? -1 : 1;
}
