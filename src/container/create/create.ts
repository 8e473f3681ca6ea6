import { hostname as hostName } from "node:os";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ContainerConfig, ContainerCreateBody, ContainerCreateResponse, HostConfig } from "../../api/index.ts";
import { crashPoint, isKind, nowNanos, randomId, shortId, type ContainerId } from "../../base/index.ts";
import type { Image } from "../../image/index.ts";
import { announce } from "../announce.ts";
import { settledLinks } from "../links.ts";
import type { MountRecord, ContainerRecord } from "../record.ts";
import type { ContainerRegistry } from "../registry.ts";
import { parseSecurityOptions } from "../security-options.ts";
import type { ContainerDependencies } from "../types.ts";
import { networkingOf, wantedEndpoints } from "./endpoints.ts";
import { withDefaults } from "./host-defaults.ts";
import { mergeConfig } from "./merge-config.ts";
import { namespaceMode, networkMode } from "./modes.ts";
import { wantedMounts, type WantedMount } from "./mounts.ts";
import { parseName, randomName } from "./names.ts";
import { chooseImage } from "./platform.ts";
import { asInvalid, validateBody, validateLog, validateSources } from "./validate.ts";
import { nameAnonymous, settleMounts } from "./volumes.ts";

/** `POST /containers/create`: checks everything, then makes snapshot, folder and volumes, and stores the record. */
export class ContainerCreation {
  readonly #registry: ContainerRegistry;
  readonly #needs: ContainerDependencies;

  constructor(registry: ContainerRegistry, needs: ContainerDependencies) {
    this.#registry = registry;
    this.#needs = needs;
  }

  /** @throws what Docker answers for a bad body, a taken name, a missing image, network or volume driver. */
  async create(request: {
    name: string | undefined;
    platform: string | undefined;
    body: ContainerCreateBody;
  }): Promise<ContainerCreateResponse> {
    const { HostConfig: _host, NetworkingConfig: networking, ...asked } = request.body;
    const needs = { ...this.#needs, registry: this.#registry };
    const { host: checked, warnings } = validateBody(request.body, needs);
    const chosen = request.name ? parseName(request.name) : undefined;
    const { image, warning } = await chooseImage(
      this.#needs.images,
      asked.Image ?? "",
      request.platform,
      this.#needs.host,
    );
    if (warning !== undefined) warnings.push(warning);
    const config = mergeConfig(asked, image.config.config ?? {});
    const host = settledLinks(this.#withIds(withDefaults(checked, this.#needs.config)), this.#registry);
    validateLog(host, needs);
    const id = randomId();
    const name = chosen ?? randomName((free) => this.#registry.nameIsFree(free));
    using _reserved = this.#registry.reserveName(name, id);
    config.Hostname = this.#hostname(config, host, id);
    const mounts = wantedMounts(config, host, (ref) => this.#mountsOf(ref), dirname(this.#needs.root));
    await validateSources(mounts);
    const record = this.#record({ id, name, image, config, host, networking });
    await this.#checkNetworks(record);
    await this.#make(record, mounts, warnings);
    announce(this.#needs.events, record, "create");
    return { Id: id, Warnings: warnings };
  }

  /** Networks may be made later: one that is not there is the start's failure, as in Docker. */
  async #checkNetworks(record: ContainerRecord): Promise<void> {
    if (Object.keys(record.endpoints).length === 0) return;
    try {
      await this.#needs.networks.validate(networkingOf(record));
    } catch (error) {
      if (!isKind(error, "not-found")) throw error;
    }
  }

  /** Containers whose namespaces are joined are named by id, so that they may be renamed. */
  #withIds(host: HostConfig): HostConfig {
    const named = { ...host };
    for (const member of ["NetworkMode", "IpcMode", "PidMode"] as const) {
      const mode = namespaceMode(host[member]);
      const id = mode.kind === "container" ? this.#registry.find(mode.ref)?.id : undefined;
      if (id !== undefined) named[member] = `container:${id}`;
    }
    return named;
  }

  #hostname(config: ContainerConfig, host: HostConfig, id: ContainerId): string {
    if (config.Hostname) return config.Hostname;
    const mode = networkMode(host.NetworkMode);
    if (mode.kind === "host") return hostName();
    return shortId(id);
  }

  #mountsOf(ref: string): readonly MountRecord[] {
    return asInvalid(() => this.#registry.resolve(ref), "").record.mounts;
  }

  #record(parts: {
    id: ContainerId;
    name: string;
    image: Image;
    config: ContainerConfig;
    host: HostConfig;
    networking: ContainerCreateBody["NetworkingConfig"];
  }): ContainerRecord {
    const { config, host } = parts;
    const [path = "", ...args] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
    return {
      id: parts.id,
      name: parts.name,
      createdAt: String(nowNanos()),
      image: { id: parts.image.id, topChainId: parts.image.topChainId, platform: parts.image.config.os || "linux" },
      config,
      hostConfig: withSecurity(host),
      path,
      args,
      endpoints: wantedEndpoints(host, parts.networking, (ref) => this.#needs.networks.identify(ref)?.name ?? ref),
      mounts: [],
      driver: this.#needs.snapshotter.driver,
    };
  }

  /** The side effects; all of them are undone when one fails. */
  async #make(draft: ContainerRecord, mounts: readonly WantedMount[], warnings: string[]): Promise<void> {
    await using undo = new AsyncDisposableStack();
    const { snapshotter, images, volumes, root } = this.#needs;
    using _image = images.hold(draft.image.id);
    const folder = join(root, draft.id);
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    await mkdir(folder, { recursive: true, mode: 0o710 });
    crashPoint("create:folder");
    await snapshotter.prepare(draft.id, draft.image.topChainId);
    undo.defer(() => snapshotter.remove(draft.id));
    crashPoint("create:snapshot");
    const named = nameAnonymous(mounts);
    if (named.names.length > 0) {
      this.#registry.intend(draft.id, named.names);
      undo.defer(() => this.#registry.buried(draft.id));
    }
    crashPoint("create:intent");
    const settled = await settleMounts(draft, named.mounts, this.#needs, undo);
    warnings.push(...settled.warnings);
    crashPoint("create:volumes");
    const record = { ...draft, mounts: settled.mounts };
    // What is gone with its exit anyway need not outlive a crash of the machine.
    const durable = draft.hostConfig.AutoRemove !== true;
    const used = record.mounts.filter((mount) => mount.type === "volume");
    const entry = this.#registry.insert(record, { durable }, () => {
      for (const { name } of used) volumes.addUser(name, record.id);
    });
    undo.defer(() => {
      this.#registry.remove(entry, { id: record.id, volumes: [], record: undefined }, { durable }, () => {
        for (const { name } of used) volumes.removeUser(name, record.id);
      });
      this.#registry.buried(record.id);
    });
    crashPoint("create:record");
    undo.move();
  }
}

/** As Docker shows it: a container that shares pid or ipc with the host has no SELinux label of its own. */
function withSecurity(host: HostConfig): HostConfig {
  const shares = [host.PidMode, host.IpcMode].some((mode) => namespaceMode(mode).kind === "host");
  const labelled = parseSecurityOptions(host.SecurityOpt ?? []).labels.length > 0;
  if (labelled || !(shares || host.Privileged === true)) return host;
  return { ...host, SecurityOpt: [...(host.SecurityOpt ?? []), "label=disable"] };
}
