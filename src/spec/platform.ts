import { invalid } from "../base/index.ts";
import type { Platform } from "./image.ts";

/** `os/arch[/variant]` and which of several platforms this host runs (image-spec image-index.md, platform). */

const ARCHITECTURES: Record<string, { architecture: string; variant?: string }> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
  i386: { architecture: "386" },
};
const KNOWN = new Set(["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64", "wasm"]);

/** What this machine runs. */
export function hostPlatform(): Platform {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  return normalizePlatform({ os: "linux", architecture });
}

/**
 * Reads `linux/arm64/v8`, `linux/amd64`, `amd64` or `linux`.
 * @throws invalid with containerd's text.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw invalid(`"${text}": unknown operating system or architecture: invalid argument`);
  }
  const [first = "", second, variant] = parts.map((part) => part.toLowerCase());
  const host = hostPlatform();
  if (second === undefined) {
    const architecture = ARCHITECTURES[first]?.architecture ?? first;
    if (KNOWN.has(architecture)) return normalizePlatform({ os: host.os, architecture: first });
    if (first === "linux" || first === "windows" || first === "darwin") return { ...host, os: first };
    throw invalid(`"${text}": unknown operating system or architecture: invalid argument`);
  }
  return normalizePlatform({ os: first, architecture: second, ...(variant === undefined ? {} : { variant }) });
}

/** Spells out the usual names: `x86_64` is `amd64`, `arm64` is variant v8, `amd64/v1` is `amd64`. */
export function normalizePlatform(platform: Platform): Platform {
  const alias = ARCHITECTURES[platform.architecture];
  const { variant: given, ...rest } = platform;
  const architecture = alias?.architecture ?? platform.architecture;
  const variant = given ?? alias?.variant;
  if (architecture === "amd64" && variant === "v1") return { ...rest, architecture };
  if (architecture === "arm64" && (variant === "v8" || variant === "8")) return { ...rest, architecture };
  if (architecture === "arm" && variant === undefined) return { ...rest, architecture, variant: "v7" };
  return { ...rest, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** `linux/arm/v7` */
export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined || platform.variant === "" ? base : `${base}/${platform.variant}`;
}

/**
 * How well a host of platform `wanted` runs `offered`: 0 not at all; higher is better.
 * Newer ARM and x86-64 levels run older variants.
 */
export function platformRank(wanted: Platform, offered: Platform): number {
  const want = normalizePlatform(wanted);
  const have = normalizePlatform(offered);
  if (want.os !== have.os || want.architecture !== have.architecture) return 0;
  const wantLevel = levelOf(want);
  const haveLevel = levelOf(have);
  if (wantLevel === haveLevel) return 1000;
  return haveLevel < wantLevel ? 1 + haveLevel : 0;
}

function levelOf(platform: Platform): number {
  const digits = /^v?(\d+)/.exec(platform.variant ?? "")?.[1];
  if (digits !== undefined) return Number(digits);
  if (platform.architecture === "amd64") return 1;
  return platform.architecture === "arm64" ? 8 : 0;
}
