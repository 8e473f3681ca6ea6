import { invalid, notFound } from "../../base/index.ts";
import type { Image, ImageStore } from "../../image/index.ts";
import { type PlatformSpecifier, readPlatformSpecifier } from "../../spec/index.ts";
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

function parsePlatform(text: string): PlatformSpecifier {
  const read = readPlatformSpecifier(text);
  if ("fault" in read) throw invalid(read.fault);
  return read.platform;
}
