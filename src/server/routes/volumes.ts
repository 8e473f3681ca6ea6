import { hasSince, type VolumesBackend } from "../../api/index.ts";
import { empty, json } from "../answer.ts";
import type { RoutesOf } from "../route.ts";

type VolumeRoutes = RoutesOf<"volumeList" | "volumeCreate" | "volumeInspect" | "volumeDelete" | "volumePrune">;

export function volumeRoutes(backend: VolumesBackend): VolumeRoutes {
  return {
    volumeList: async ({ query }) => json(await backend.list(query.filters)),
    volumeCreate: async ({ body }) => json(await backend.create(body), 201),
    volumeInspect: async ({ ref }) => json(await backend.inspect(ref)),
    volumeDelete: async ({ ref, query }) => {
      await backend.remove(ref, query);
      return empty(204);
    },
    volumePrune: async ({ query, context }) => {
      const filters = new Map(query.filters);
      // Before 1.42 a prune took named volumes too.
      if (!hasSince(context.apiVersion, "1.42")) filters.set("all", ["true"]);
      return json(await backend.prune(filters));
    },
  };
}
