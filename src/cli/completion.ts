import type { ContainerSummary, ImageSummary, NetworkSummary, VolumeListResponse } from "../api/index.ts";
import { listContexts } from "../client/index.ts";
import type { Command, Context } from "./command.ts";
import { findEntry, groups, membersOf, topLevel } from "./table.ts";

const BASH = `_berth() {
  local IFS=$'\\n' word args=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do args+=("--words=$word"); done
  COMPREPLY=($(berth completion "\${args[@]}" 2>/dev/null))
}
complete -o default -F _berth berth
`;

const ZSH = `#compdef berth
_berth() {
  local -a args found
  local word
  for word in "\${(@)words[2,CURRENT]}"; do args+=("--words=$word"); done
  found=("\${(@f)$(berth completion "\${args[@]}" 2>/dev/null)}")
  [[ -n "$found" ]] && compadd -a found || _files
}
if [[ "$funcstack[1]" == _berth ]]; then _berth; else compdef _berth berth; fi
`;

const FISH = `function __berth_complete
  set -l args
  for word in (commandline -opc)[2..-1] (commandline -ct)
    set -a args --words=$word
  end
  berth completion $args 2>/dev/null
end
complete -c berth -f -a '(__berth_complete)'
`;

/** The script that a shell loads; it asks this program what may follow. Undefined for another shell. */
export function completionScript(shell: string): string | undefined {
  return { bash: BASH, zsh: ZSH, fish: FISH }[shell];
}

/** What the last, incomplete word may become: commands, flags, or names that the engine knows. */
export async function suggest(context: Context, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const matching = (candidates: readonly string[]) => candidates.filter((each) => each.startsWith(typed)).sort();
  const group = groups.find(({ name }) => name === before[0]);
  const found = findEntry(before);
  if (found === undefined) {
    if (group !== undefined && before.length === 1) return matching(membersOf(group.name).map(({ name }) => name));
    return before.length === 0
      ? matching([...groups.map(({ name }) => name), ...topLevel().map(({ name }) => name)])
      : [];
  }
  const command = (await found.entry.load()).default;
  if (typed.startsWith("-")) {
    const flags = Object.entries(command.flags).filter(([, flag]) => flag.hidden !== true);
    return matching([...flags.map(([name]) => `--${name}`), "--help"]);
  }
  return matching(await objects(context, command, typed).catch(() => []));
}

const ID_START = /^(?:sha256:)?[0-9a-f]+$/;
const SHORT = 12;

/** An id in the form in which it was begun: none while nothing was typed, the short one while it is enough. */
function idsFor(typed: string, ids: readonly string[]): string[] {
  if (!ID_START.test(typed)) return [];
  const bare = ids.map((id) => id.replace(/^sha256:/, ""));
  if (typed.startsWith("sha256:")) return bare.map((id) => `sha256:${id}`);
  return typed.length > SHORT ? bare : bare.map((id) => id.slice(0, SHORT));
}

async function objects(context: Context, command: Command, typed: string): Promise<string[]> {
  if (command.completes === undefined || command.completes === "files") return [];
  if (command.completes === "contexts")
    return ["default", ...(await listContexts(context.configDirectory)).map(({ Name }) => Name)];
  const client = await context.client();
  switch (command.completes) {
    case "containers":
    case "running": {
      const query = { all: command.completes === "containers" };
      const containers = await client.json<ContainerSummary[]>("GET", "/containers/json", { query });
      const names = containers.flatMap(({ Names }) => (Names ?? []).map((name) => name.replace(/^\//, "")));
      return [
        ...names,
        ...idsFor(
          typed,
          containers.map(({ Id = "" }) => Id),
        ),
      ];
    }
    case "images": {
      const images = await client.json<ImageSummary[]>("GET", "/images/json");
      const names = images.flatMap(({ RepoTags }) => RepoTags ?? []);
      return [
        ...names,
        ...idsFor(
          typed,
          images.map(({ Id }) => Id),
        ),
      ];
    }
    case "networks": {
      const networks = await client.json<NetworkSummary[]>("GET", "/networks");
      return [
        ...networks.map(({ Name = "" }) => Name),
        ...idsFor(
          typed,
          networks.map(({ Id = "" }) => Id),
        ),
      ];
    }
    case "volumes":
      return ((await client.json<VolumeListResponse>("GET", "/volumes")).Volumes ?? []).map(({ Name }) => Name);
  }
}
