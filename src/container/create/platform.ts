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
        `image with reference ${name} was found but does not provide the specified platform ` +
          `(${platform}): its platform is ${actual.os}/${actual.architecture}`,
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
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw invalid(`"${text}" is an invalid OS/architecture/variant platform`);
  }
  const [first = "", second] = parts.map((part) => part.toLowerCase());
  if (second === undefined && first !== "linux") return { os: "linux", architecture: architectureOf(first) };
  return { os: first, architecture: second === undefined ? undefined : architectureOf(second) };
}

function architectureOf(word: string): string {
  const known: Record<string, string> = { x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64" };
  return known[word] ?? word;
}
