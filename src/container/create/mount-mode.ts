/** What stands after the second colon of a bind. */
export interface MountMode {
  readOnly: boolean;
  noCopy: boolean;
  propagation: string | undefined;
  /** Relabel for SELinux: shared or private. */
  label: "z" | "Z" | undefined;
}

const PROPAGATIONS = new Set(["private", "rprivate", "slave", "rslave", "shared", "rshared"]);
const CONSISTENCIES = new Set(["consistent", "cached", "delegated", "default"]);

/** The mode's parts; undefined when it is not one: each kind of word may stand once. */
export function parseMode(text: string): MountMode | undefined {
  const mode: MountMode = { readOnly: false, noCopy: false, propagation: undefined, label: undefined };
  if (text === "") return mode;
  const seen = new Set<string>();
  for (const word of text.split(",")) {
    const kind = kindOf(word);
    if (kind === undefined || seen.has(kind)) return undefined;
    seen.add(kind);
    if (word === "ro") mode.readOnly = true;
    else if (word === "nocopy") mode.noCopy = true;
    else if (kind === "propagation") mode.propagation = word;
    else if (word === "z" || word === "Z") mode.label = word;
  }
  return mode;
}

function kindOf(word: string): string | undefined {
  if (word === "ro" || word === "rw") return "access";
  if (word === "z" || word === "Z") return "label";
  if (word === "nocopy") return "copy";
  if (PROPAGATIONS.has(word)) return "propagation";
  if (CONSISTENCIES.has(word)) return "consistency";
  return undefined;
}

export function isPropagation(word: string): boolean {
  return PROPAGATIONS.has(word);
}
