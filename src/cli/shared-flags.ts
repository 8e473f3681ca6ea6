import { FlagError } from "./errors.ts";
import { bool, type Flag, filter, parseBool, string } from "./flags.ts";

/** Flags that many commands have in the same words. */

export const FORMAT_HELP =
  "How to print:\n'table': a table (default)\n'table TEMPLATE': a table of the template's columns\n'json': one JSON object a line\n'TEMPLATE': the Go template, once for each";

export const formatFlag = string(FORMAT_HELP);
export const inspectFormatFlag = string("How to print: 'json', or a Go template that is run once for each", {
  short: "f",
});
export const noTruncFlag = bool("Print long values in full");
export const filterFlag = filter("Show only what fits this condition", { short: "f" });
export const forceFlag = bool("Do not ask before it is done", { short: "f" });
export const dryRunFlag = bool("Say what would be done, and do nothing");
export const detachKeysFlag = string("Keys that leave the container running and end this command");

/** Signatures of images were Docker's notary's, which is no more; who asks for them is not to be given an image without. */
export const contentTrustFlag: Flag<boolean> = {
  ...bool("Without signatures of images, which berth does not check", { initial: true, hidden: true }),
  parse: (text) => {
    if (!parseBool(text)) throw new FlagError("signatures of images (content trust) are not checked by berth");
    return true;
  },
};

/** `--format` beside `--quiet`: quiet wins, and says so. */
export function warnQuietFormat(format: string, quiet: boolean, err: (text: string) => void): void {
  if (quiet && format !== "") err("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
}
