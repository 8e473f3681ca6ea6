import { invalid } from "../../base/index.ts";
import { type ImagesBackend, notSupportedYet } from "../../api/index.ts";
import { adaptImageSummary, checkPlatform } from "../adapt/images.ts";
import { json, empty } from "../answer.ts";
import { readRegistryAuth } from "../registry-auth.ts";
import type { RoutesOf } from "../route.ts";

type ImageRoutes = RoutesOf<
  | "imageList"
  | "imageCreate"
  | "imageInspect"
  | "imageHistory"
  | "imagePush"
  | "imageTag"
  | "imageDelete"
  | "imagePrune"
  | "imageGet"
  | "imageGetAll"
  | "imageLoad"
  | "distributionInspect"
  | "imageSearch"
>;

const TAR = "application/x-tar";

export function imageRoutes(backend: ImagesBackend): ImageRoutes {
  return {
    imageList: async ({ query, context }) => {
      const filters = new Map(query.filters);
      // Before 1.25 the reference filter was a parameter of its own.
      if (query.filter !== undefined) filters.set("reference", [query.filter]);
      const { all, manifests } = query;
      const images = await backend.list({ all, filters, sharedSize: query["shared-size"], manifests });
      return json(images.map((image) => adaptImageSummary(image, context.apiVersion)));
    },
    imageCreate: async ({ query, stream, headers, context }) => {
      const { fromImage, fromSrc, platform } = query;
      if (fromImage !== undefined) {
        const options = { platform, auth: readRegistryAuth(headers) };
        const items = await backend.pull({ repo: fromImage, tag: query.tag }, options, context);
        return { kind: "progress", items };
      }
      if (fromSrc === undefined) throw invalid("one of fromImage and fromSrc must be given");
      if (fromSrc !== "-") throw notSupportedYet("importing from a URL");
      const { repo = "", tag = "", message = "" } = query;
      const changes = query.changes.flatMap((change) => change.split("\n"));
      const items = await backend.import(stream, { repo, tag, message, changes, platform }, context);
      return { kind: "progress", items };
    },
    imageInspect: async ({ ref, query }) => {
      if (query.manifests && query.platform !== undefined) {
        throw invalid("conflicting options: manifests and platform options cannot both be set");
      }
      const image = await backend.inspect(ref, { manifests: query.manifests });
      checkPlatform(ref, image, query.platform);
      return json(image);
    },
    imageHistory: async ({ ref, query }) => {
      if (query.platform !== undefined) {
        checkPlatform(ref, await backend.inspect(ref, { manifests: false }), query.platform);
      }
      return json(await backend.history(ref));
    },
    imagePush: async ({ ref, query, headers, context }) => {
      const options = { tag: query.tag, platform: query.platform, auth: readRegistryAuth(headers) };
      return { kind: "progress", items: await backend.push(ref, options, context) };
    },
    imageTag: async ({ ref, query }) => {
      await backend.tag(ref, { repo: query.repo ?? "", tag: query.tag });
      return empty(201);
    },
    imageDelete: async ({ ref, query }) => {
      const platforms = [...query.platforms];
      return json(await backend.remove(ref, { force: query.force, noprune: query.noprune, platforms }));
    },
    imagePrune: async ({ query }) => json(await backend.prune(query.filters)),
    imageGet: async ({ ref, query, context }) => ({
      kind: "bytes",
      contentType: TAR,
      body: await backend.save([ref], { platforms: [...query.platform] }, context),
    }),
    imageGetAll: async ({ query, context }) => ({
      kind: "bytes",
      contentType: TAR,
      body: await backend.save([...query.names], { platforms: [...query.platform] }, context),
    }),
    imageLoad: async ({ query, stream, context }) => {
      const options = { quiet: query.quiet, platforms: [...query.platform] };
      return { kind: "progress", items: await backend.load(stream, options, context) };
    },
    imageSearch: async ({ query, headers, context }) =>
      json(
        await backend.search(
          { term: query.term ?? "", limit: query.limit, filters: query.filters },
          readRegistryAuth(headers),
          context,
        ),
      ),
    distributionInspect: async ({ ref, headers, context }) =>
      json(await backend.distribution(ref, readRegistryAuth(headers), context)),
  };
}
