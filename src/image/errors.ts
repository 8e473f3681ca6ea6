import {
  conflict,
  dataLoss,
  EngineError,
  forbidden,
  invalid,
  notFound,
  shortId,
  unknown,
  type Digest,
} from "../base/index.ts";

export const noSuchImage = (name: string) => notFound(`No such image: ${name}`);

// Archives
export const nullManifest = () => invalid("invalid manifest, manifest cannot be null (but can be [])");
export const notAnImageArchive = () =>
  invalid("invalid archive: neither a Docker archive (manifest.json) nor an OCI layout (index.json)");
export const noSuchMember = (name: string) => invalid(`open ${name}: no such file or directory`);
export const memberOutside = (name: string) => invalid(`invalid archive: ${JSON.stringify(name)} leads outside of it`);
export const notARegularFile = (name: string) => invalid(`invalid archive: ${JSON.stringify(name)} is not a file`);
export const documentTooLarge = (name: string, limit: number) =>
  invalid(`invalid archive: ${name} is larger than ${limit} bytes`);
export const badDocument = (name: string, why: string) => invalid(`invalid ${name}: ${why}`);
export const ambiguousManifest = (name: string) =>
  invalid(`invalid ${name}: it is an index and a manifest at once (CVE-2021-41190)`);
export const layerCountMismatch = (expected: number, actual: number) =>
  invalid(`invalid manifest, layers length mismatch: expected ${expected}, got ${actual}`);
export const wrongDiffId = (position: number, expected: string, actual: string) =>
  invalid(`invalid diffID for layer ${position}: expected "${expected}", got "${actual}"`);
export const wrongMember = (name: string, expected: string, actual: string) =>
  invalid(`invalid archive: ${name}: expected digest ${expected}, got ${actual}`);
export const wrongConfig = (digest: Digest) =>
  invalid(`error pulling image configuration: image config verification failed for digest ${digest}`);
/** As the content store says of one that is too long. */
export const shortBlob = (expected: number, actual: number) =>
  invalid(`unexpected commit size ${actual}, expected ${expected}: failed precondition`);
export const tooManyLayers = () => invalid("max depth exceeded");
export const noRootfs = () => invalid("invalid image JSON, no RootFS key");
export const invalidTagInArchive = (tag: string) => invalid(`invalid tag "${tag}"`);
export const noMatchingPlatform = (platform: string) =>
  notFound(`no matching manifest for ${platform} in the manifest list entries`);
export const unsupportedManifest = (mediaType: string) =>
  invalid(`unsupported manifest media type and no default available: ${mediaType}`);
export const wrongOs = (os: string) => invalid(`cannot load ${os} image on linux`);

// Names
/** Docker's 500. */
export const fullIdHasNoManifest = () => unknown("no manifest found for full image ID");
export const reservedName = () => forbidden("'scratch' is a reserved name");
export const digestAsTag = () => invalid("cannot import digest reference");
export const ambiguousTag = () => invalid("refusing to create an ambiguous tag using digest algorithm as name");

// Removal
export const referenceInUse = (name: string, container: string, id: Digest) =>
  conflict(
    `conflict: unable to remove repository reference "${name}" (must force) - ` +
      `container ${shortId(container)} is using its referenced image ${shortId(id)}`,
  );
export const deleteConflict = (id: Digest, hard: boolean, why: string) =>
  conflict(`conflict: unable to delete ${shortId(id)} (${hard ? "cannot be forced" : "must be forced"}) - ${why}`);

// Filters
export const invalidFilter = (name: string) => invalid(`invalid filter '${name}'`);
export const invalidFilterValue = (name: string, values: readonly string[]) =>
  invalid(`invalid filter '${name}=[${values.join(" ")}]'`);
export const badTime = (value: string) =>
  new EngineError("invalid", `failed to parse value as time or duration: ${JSON.stringify(value)}`);

// Search
export const searchLimit = (limit: number, most: number) =>
  invalid(`limit ${limit} is outside the range of [1, ${most}]`);
export const searchScheme = (term: string) =>
  invalid(`invalid repository name: repository name (${term}) should not have a scheme`);
export const invalidFilterStars = (text: string) =>
  invalid(`invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);

// Pull and push
export const noTags = (name: string) => notFound(`No tags for repository ${name}`);
export const pushByDigest = () => invalid("cannot push a digest reference");
export const noSuchTag = (name: string) => notFound(`tag does not exist: ${name}`);
export const notLocal = (name: string) => notFound(`An image does not exist locally with the tag: ${name}`);
export const unsupportedConfig = (mediaType: string) =>
  invalid(`invalid or unsupported image config media type: ${mediaType}`);

// Save
export const otherPlatform = (name: string, platform: string) =>
  notFound(`image with reference ${name} was found but does not provide the specified platform (${platform})`);
export const layerLost = (diffId: string) =>
  dataLoss(`the tar of layer ${diffId} is missing: pull or load the image again`);
