import type { NetworksBackend } from "../../api/index.ts";
import { empty, json } from "../answer.ts";
import type { RoutesOf } from "../route.ts";

type NetworkRoutes = RoutesOf<
  | "networkList"
  | "networkInspect"
  | "networkDelete"
  | "networkCreate"
  | "networkConnect"
  | "networkDisconnect"
  | "networkPrune"
>;

export function networkRoutes(backend: NetworksBackend): NetworkRoutes {
  return {
    networkList: async ({ query }) => json(await backend.list(query.filters)),
    networkInspect: async ({ ref, query }) => json(await backend.inspect(ref, query)),
    networkDelete: async ({ ref }) => {
      await backend.remove(ref);
      return empty(204);
    },
    networkCreate: async ({ body }) => json(await backend.create({ ...body, Name: body.Name ?? "" }), 201),
    networkConnect: async ({ ref, body, context }) => {
      await backend.connect(ref, { ...body, Container: body.Container ?? "" }, context);
      return empty(200);
    },
    networkDisconnect: async ({ ref, body }) => {
      await backend.disconnect(ref, { ...body, Container: body.Container ?? "" });
      return empty(200);
    },
    networkPrune: async ({ query }) => json(await backend.prune(query.filters)),
  };
}
