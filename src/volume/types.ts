import type { VolumeListResponse, VolumesBackend } from "../api/index.ts";
import type { IdMappings } from "../spec/index.ts";

export interface VolumeService extends VolumesBackend {
  /**
   * The volume of that name, made when it is not there and mounted when it has options; `anonymous` ones go with `rm -v`
   * and `--rm`. A mount stays until the last user is removed.
   */
  ensure(request: {
    name: string | undefined;
    driver: string | undefined;
    options: Record<string, string> | undefined;
    labels: Record<string, string>;
  }): Promise<VolumeUse>;
  /** Records that the container uses the volume (so that rm refuses it), or no longer does. Durable. */
  addUser(name: string, containerId: string): void;
  removeUser(name: string, containerId: string): void;
  usersOf(name: string): string[];
  /** As `list`, with what each takes and how many use it (`system df`); -1 for what is mounted from elsewhere. */
  listWithUsage(): Promise<VolumeListResponse>;
  get(name: string): VolumeUse | undefined;
  /**
   * Copies the image's content at `path` into an empty volume, once, before the first mount (Docker's copy-up).
   * `rootfs` is a host directory opened beneath with openat2; links never lead out of it. `ids`: what the owners of the
   * image's files are on the host.
   */
  copyUp(name: string, rootfs: string, path: string, ids?: IdMappings): Promise<void>;
}

export interface VolumeUse {
  name: string;
  driver: string;
  /** Host directory that is mounted. */
  mountpoint: string;
  anonymous: boolean;
  /** Just made by this call. */
  created: boolean;
}
