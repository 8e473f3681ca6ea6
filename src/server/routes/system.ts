import { invalid } from "../../base/index.ts";
import type { SystemBackend } from "../../api/index.ts";
import { withLegacyFields } from "../adapt/events.ts";
import { json, type RouteAnswer } from "../answer.ts";
import type { RoutesOf } from "../route.ts";

type SystemRoutes = RoutesOf<
  | "systemPing"
  | "systemPingHead"
  | "systemVersion"
  | "systemInfo"
  | "systemAuth"
  | "systemEvents"
  | "systemDataUsage"
  | "pluginList"
  | "buildPrune"
>;

const USAGE_TYPES = new Set(["container", "image", "volume", "build-cache"]);

const PING: RouteAnswer = {
  kind: "text",
  text: "OK",
  fields: {
    "Builder-Version": "1",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    Pragma: "no-cache",
    Swarm: "inactive",
  },
};

export function systemRoutes(backend: SystemBackend): SystemRoutes {
  return {
    systemPing: async () => PING,
    systemPingHead: async () => ({ ...PING, text: "" }),
    systemVersion: async () => json(await backend.version()),
    systemInfo: async () => json(await backend.info()),
    systemAuth: async ({ body }) => json(await backend.auth(body)),
    systemEvents: async ({ query, context }) => ({
      kind: "lines",
      items: withLegacyFields(await backend.events(query, context)),
    }),
    pluginList: async () => json([]), // none can be installed
    buildPrune: async () => json({ CachesDeleted: null, SpaceReclaimed: 0 }), // nothing is built, so nothing is kept
    systemDataUsage: async ({ query }) => {
      const foreign = query.type.find((type) => !USAGE_TYPES.has(type));
      if (foreign !== undefined) throw invalid(`unknown object type: ${foreign}`);
      return json(await backend.diskUsage(new Set(query.type)));
    },
  };
}
