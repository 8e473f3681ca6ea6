import type { Volume, VolumeCreateRequest, VolumeListResponse } from "../generated/types.ts";
import type { Filters } from "./streams.ts";

export interface VolumesBackend {
  list(filters: Filters): Promise<VolumeListResponse>;
  create(body: VolumeCreateRequest): Promise<Volume>;
  inspect(name: string): Promise<Volume>;
  remove(name: string, options: { force: boolean }): Promise<void>;
  prune(filters: Filters): Promise<{ VolumesDeleted: string[]; SpaceReclaimed: number }>;
}
