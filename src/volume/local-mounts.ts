import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { dirname } from "node:path";
import { errnoOf } from "../base/index.ts";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, MNT_DETACH, MS_BIND, MS_REMOUNT, type Native } from "../sys/index.ts";
import { mountFailed } from "./errors.ts";
import { type MountPlan, planMount } from "./options.ts";

/** Mounts of volumes with options (`type`, `device`, `o`) over their `_data` folder, as Docker's local driver. */
export class LocalMounts {
  readonly #native: Native;

  constructor(native: Native) {
    this.#native = native;
  }

  /** Mounts when the options ask for it and it is not there yet (a restarted daemon finds it). */
  async mount(mountpoint: string, options: Readonly<Record<string, string>> | undefined): Promise<void> {
    const plan = planMount(options ?? {});
    if (plan === undefined || this.isMounted(mountpoint)) return;
    try {
      await this.#mount(mountpoint, { ...plan, data: await withAddress(plan.data) });
    } catch (error) {
      throw mountFailed(mountpoint, plan, error);
    }
  }

  /** Takes the mount away, if there is one. Who still has files open keeps them. */
  async unmount(mountpoint: string): Promise<void> {
    if (this.isMounted(mountpoint)) await this.#native.umount2(mountpoint, MNT_DETACH);
  }

  isMounted(mountpoint: string): boolean {
    try {
      const of = (path: string) => this.#native.statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW).mountId;
      return of(mountpoint) !== of(dirname(mountpoint));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
  }

  async #mount(mountpoint: string, plan: MountPlan): Promise<void> {
    const { device, type, flags, bindFlags, propagation, data } = plan;
    await this.#native.mount(device, mountpoint, type, flags, data);
    try {
      if (bindFlags !== 0)
        await this.#native.mount(null, mountpoint, null, flags | bindFlags | MS_REMOUNT | MS_BIND, null);
      if (propagation !== 0) await this.#native.mount(null, mountpoint, null, propagation, null);
    } catch (error) {
      await this.#native.umount2(mountpoint, MNT_DETACH);
      throw error;
    }
  }
}

/** The kernel resolves no names: NFS and CIFS are told the server's address. */
async function withAddress(data: string): Promise<string> {
  const match = /(^|,)addr=([^,]+)/.exec(data);
  const host = match?.[2];
  if (host === undefined || isIP(host) !== 0) return data;
  const { address } = await lookup(host);
  return data.replace(`addr=${host}`, `addr=${address}`);
}
