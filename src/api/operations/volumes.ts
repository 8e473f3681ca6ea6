import { body, defineOperations, empty, json, none } from "../operation.ts";
import { boolean, filters } from "../query.ts";

export const volumeOperations = defineOperations({
  volumeList: {
    method: "GET",
    path: "/volumes",
    since: "1.21",
    query: { filters: filters(["dangling", "driver", "label", "name"]) },
    body: none,
    success: [200],
    answer: json("VolumeListResponse"),
  },
  volumeCreate: {
    method: "POST",
    path: "/volumes/create",
    since: "1.21",
    query: {},
    body: body("VolumeCreateRequest"),
    success: [201],
    answer: json("Volume"),
  },
  volumeInspect: {
    method: "GET",
    path: "/volumes/{name}",
    since: "1.21",
    query: {},
    body: none,
    success: [200],
    answer: json("Volume"),
  },
  volumeDelete: {
    method: "DELETE",
    path: "/volumes/{name}",
    since: "1.21",
    query: { force: boolean(false) },
    body: none,
    success: [204],
    answer: empty,
  },
  volumePrune: {
    method: "POST",
    path: "/volumes/prune",
    since: "1.25",
    query: { filters: filters(["label", "label!", "all"]) },
    body: none,
    success: [200],
    answer: json("{VolumesDeleted, SpaceReclaimed}"),
  },
});
