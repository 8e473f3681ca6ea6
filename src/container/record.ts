import type { ContainerConfig, EndpointSettings, HostConfig } from "../api/index.ts";
import type { ContainerId, Digest } from "../base/index.ts";

/** What a container is: made at create, changed by rename and update only. Stored as JSON, durable. */
export interface ContainerRecord {
  readonly id: ContainerId;
  /** Without the slash that the API puts before it. */
  readonly name: string;
  /** Nanoseconds since 1970, as text: JSON has no such numbers. */
  readonly createdAt: string;
  readonly image: { readonly id: Digest; readonly topChainId: Digest | undefined; readonly platform: string };
  /** The request's config with the image's values merged in. */
  readonly config: ContainerConfig;
  /** Defaults filled in. */
  readonly hostConfig: HostConfig;
  /** Program and arguments: entrypoint and command joined. */
  readonly path: string;
  readonly args: readonly string[];
  /** Endpoint settings as asked for, by network name. Empty for none, host and container modes. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  readonly mounts: readonly MountRecord[];
  /** Which snapshot driver holds the root file system. */
  readonly driver: string;
}

/** A mount of the container with its source settled. */
export type MountRecord =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly recursive: boolean;
      /** As given after the second colon, for inspect. */
      readonly mode: string;
      readonly propagation: string;
      readonly readOnlyRecursion: "best-effort" | "none" | "forced";
      readonly createSource: boolean;
    }
  | {
      readonly type: "volume";
      readonly name: string;
      readonly driver: string;
      readonly source: string;
      readonly subpath: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly mode: string;
      readonly noCopy: boolean;
      readonly anonymous: boolean;
    }
  | {
      readonly type: "image";
      /** As asked for. */
      readonly name: string;
      readonly imageId: Digest;
      readonly subpath: string;
      readonly target: string;
      readonly readOnly: true;
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly readOnly: boolean;
      /** tmpfs(5) options, such as size=64m. */
      readonly options: readonly string[];
      /** From `Tmpfs` of the host config, which inspect shows there and not under Mounts. */
      readonly legacy: boolean;
    };
