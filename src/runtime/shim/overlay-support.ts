import { closeSync } from "node:fs";
import { errnoOf } from "../../base/index.ts";
import { FSCONFIG_SET_STRING, type BlockingCalls, type FastCalls } from "../../sys/index.ts";

/** An option that overlay never had. */
const NO_OPTION = "berth-probe";

/**
 * Whether this kernel's overlay (before Linux 6.5) still has the file system interface of mount(2): there fsconfig(2)
 * takes any option, also `lowerdir+`, and only the mount itself is refused, with a line in the kernel's log.
 * @returns false as well when there is no overlay at all: the mount will say so.
 */
export async function overlayNeedsMount2(
  calls: Pick<FastCalls, "fsopen"> & Pick<BlockingCalls, "fsconfig">,
): Promise<boolean> {
  let context: number;
  try {
    context = calls.fsopen("overlay");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
  try {
    await calls.fsconfig(context, FSCONFIG_SET_STRING, NO_OPTION, "1", 0);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  } finally {
    closeSync(context);
  }
}
