/** A platform as people write it: `linux/arm64/v8`, `linux/amd64`, `arm64` or `windows`. */
export interface PlatformSpecifier {
  os: string;
  /** Undefined: only a system was named. */
  architecture: string | undefined;
  variant: string | undefined;
}

/*
 * This file imports nothing: the command reads it before each `run --platform`, and must not load more for it.
 */

/**
 * Reads a platform (github.com/containerd/platforms).
 * @returns what it names, or what is wrong with it, in containerd's words.
 */
export function readPlatformSpecifier(text: string): { platform: PlatformSpecifier } | { fault: string } {
  const parts = text.split("/");
  if (parts.length > 3) return { fault: `"${text}": cannot parse platform specifier: invalid argument` };
  const [first = "", second, third = ""] = parts;
  if (!/^[A-Za-z0-9_-]+(?:\([A-Za-z0-9_.-]*\))?$/.test(first)) {
    const pattern = "^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.-]*)\\\\))?$";
    return {
      fault: `"${first}" is an invalid OS component of "${text}": OSAndVersion specifier component must match "${pattern}": invalid argument`,
    };
  }
  const wrong = parts.slice(1).find((part) => !/^[A-Za-z0-9_.-]+$/.test(part));
  if (wrong !== undefined) {
    return {
      fault: `"${wrong}" is an invalid component of "${text}": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`,
    };
  }
  const os = systemOf(first.toLowerCase());
  if (second !== undefined) {
    const named = architectureOf(second.toLowerCase(), third.toLowerCase());
    const isPlainArm = third === "" && named.architecture === "arm" && named.variant === "v7";
    return { platform: { os, ...named, variant: isPlainArm ? undefined : named.variant } };
  }
  if (SYSTEMS.has(os)) return { platform: { os, architecture: undefined, variant: undefined } };
  const named = architectureOf(first.toLowerCase(), "");
  if (!ARCHITECTURES.has(named.architecture))
    return { fault: `"${text}": unknown operating system or architecture: invalid argument` };
  const isPlainArm = named.architecture === "arm" && named.variant === "v7";
  return { platform: { os: "linux", ...named, variant: isPlainArm ? undefined : named.variant } };
}

const SYSTEMS: ReadonlySet<string> = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  ),
);
const ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 " +
    "ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);

function systemOf(word: string): string {
  return word === "macos" ? "darwin" : word;
}

function architectureOf(word: string, variant: string): { architecture: string; variant: string | undefined } {
  const given = variant === "" ? undefined : variant;
  switch (word) {
    case "i386":
      return { architecture: "386", variant: undefined };
    case "x86_64":
    case "x86-64":
    case "amd64":
      return { architecture: "amd64", variant: given === "v1" ? undefined : given };
    case "aarch64":
    case "arm64":
      return { architecture: "arm64", variant: given === "8" || given === "v8" ? undefined : given };
    case "armhf":
      return { architecture: "arm", variant: "v7" };
    case "armel":
      return { architecture: "arm", variant: "v6" };
    case "arm":
      return { architecture: "arm", variant: given === undefined ? "v7" : /^\d$/.test(given) ? `v${given}` : given };
    default:
      return { architecture: word, variant: given };
  }
}
