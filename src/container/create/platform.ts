import { invalid, notFound } from "../../base/index.ts";
import type { Image, ImageStore } from "../../image/index.ts";
import type { HostFacts } from "../types.ts";

/**
 * The image of a create request.
 * @throws not-found when it is not there, or is not of the platform that was asked for.
 */
export async function chooseImage(
  images: ImageStore,
  name: string,
  platform: string | undefined,
  host: HostFacts,
): Promise<{ image: Image; warning: string | undefined }> {
  const image = await images.resolve(name);
  const actual = { os: image.config.os || "linux", architecture: image.config.architecture || host.architecture };
  if (platform) {
    const wanted = parsePlatform(platform);
    const same =
      wanted.os === actual.os && (wanted.architecture === undefined || wanted.architecture === actual.architecture);
    if (!same) {
      throw notFound(
        `image with reference ${name} was found but its platform (${actual.os}/${actual.architecture}) ` +
          `does not match the specified platform (${platform})`,
      );
    }
    return { image, warning: undefined };
  }
  const foreign = actual.architecture !== host.architecture;
  const warning =
    `The requested image's platform (${actual.os}/${actual.architecture}) does not match the detected host platform ` +
    `(linux/${host.architecture}) and no specific platform was requested`;
  return { image, warning: foreign ? warning : undefined };
}

function parsePlatform(text: string): { os: string; architecture: string | undefined } {
  const parts = text.split("/");
  if (parts.length > 3) throw invalid(`"${text}": cannot parse platform specifier: invalid argument`);
  const wrong = parts.find((part) => !/^[A-Za-z0-9_.-]+$/.test(part));
  if (wrong !== undefined) {
    throw invalid(
      `"${wrong}" is an invalid component of "${text}": platform specifier component must match "^[A-Za-z0-9_.-]+$": ` +
        "invalid argument",
    );
  }
  const [first = "", second] = parts.map((part) => part.toLowerCase());
  if (second !== undefined) return { os: first, architecture: architectureOf(second) };
  if (SYSTEMS.includes(first)) return { os: first, architecture: undefined };
  const architecture = architectureOf(first);
  if (ARCHITECTURES.includes(architecture)) return { os: "linux", architecture };
  throw invalid(`"${text}": unknown operating system or architecture: invalid argument`);
}

/** What a word alone may name (github.com/containerd/platforms). */
const SYSTEMS: readonly string[] =
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  );
const ARCHITECTURES: readonly string[] = (
  "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 " +
  "ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm"
).split(" ");

function architectureOf(word: string): string {
  const known: Record<string, string> = { x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64" };
  return known[word] ?? word;
}
