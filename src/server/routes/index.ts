import type {
  ContainersBackend,
  ExecBackend,
  ImagesBackend,
  NetworksBackend,
  SystemBackend,
  VolumesBackend,
} from "../../api/index.ts";
import type { Routes } from "../route.ts";
import { containerRoutes } from "./containers.ts";
import { execRoutes } from "./exec.ts";
import { imageRoutes } from "./images.ts";
import { networkRoutes } from "./networks.ts";
import { systemRoutes } from "./system.ts";
import { volumeRoutes } from "./volumes.ts";

/** The engine as the API sees it. */
export interface Backends {
  readonly containers: ContainersBackend;
  readonly exec: ExecBackend;
  readonly images: ImagesBackend;
  readonly volumes: VolumesBackend;
  readonly networks: NetworksBackend;
  readonly system: SystemBackend;
}

/** One route for each operation. */
export function createRoutes(backends: Backends): Routes {
  return {
    ...systemRoutes(backends.system),
    ...containerRoutes(backends.containers),
    ...execRoutes(backends.exec),
    ...imageRoutes(backends.images),
    ...volumeRoutes(backends.volumes),
    ...networkRoutes(backends.networks),
  };
}
