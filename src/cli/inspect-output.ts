import { ClientError } from "../client/index.ts";
import { CliError, messageOf } from "./errors.ts";
import { goJson } from "./format.ts";
import type { Io } from "./io.ts";

/**
 * Prints what `find` gives for each name: a JSON array, or a template's output a line.
 * What was found is printed also when other names failed.
 * @param escape whether `<`, `>` and `&` are escaped, as Go does unless told otherwise. @throws CliError with the failures, or 64 for a bad template.
 */
export async function printInspected(
  io: Io,
  names: readonly string[],
  format: string,
  find: (name: string) => Promise<unknown>,
  escape = false,
): Promise<void> {
  const render = format === "json" ? undefined : await renderer(format);
  const found: unknown[] = [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      found.push(await find(name));
    } catch (error) {
      failures.push(messageOf(error));
      if (error instanceof ClientError && error.status === undefined) break;
    }
  }
  if (format === "json") {
    io.out(`${goJson(found)}\n`);
  } else if (render === undefined) {
    io.out(found.length === 0 ? "[]\n" : `${escape ? escapeHtml(indentedJson(found)) : indentedJson(found)}\n`);
  } else {
    // Docker prints an empty line when there was nothing to format
    let text = "";
    for (const each of found) {
      const line = render(each);
      if ("failure" in line) {
        io.out(text === "" ? "\n" : text);
        throw new CliError(`template parsing error: ${line.failure}`, 1);
      }
      text += `${line.text}\n`;
    }
    io.out(text === "" ? "\n" : text);
  }
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}

/** Members that Docker's own types, which templates are run on there, name otherwise than JSON does. */
const GO_NAMES: Readonly<Record<string, string>> = {
  ID: "Id",
  CPUCount: "CpuCount",
  CPUPercent: "CpuPercent",
  CPUPeriod: "CpuPeriod",
  CPUQuota: "CpuQuota",
  CPURealtimePeriod: "CpuRealtimePeriod",
  CPURealtimeRuntime: "CpuRealtimeRuntime",
  CPUShares: "CpuShares",
  DNS: "Dns",
  DNSOptions: "DnsOptions",
  DNSSearch: "DnsSearch",
  NanoCPUs: "NanoCpus",
  AuxAddress: "AuxiliaryAddresses",
};

type Rendered = { text: string } | { failure: string };

async function renderer(format: string): Promise<((value: unknown) => Rendered) | undefined> {
  if (format === "") return undefined;
  const [{ compileTemplate }, { typed }] = await Promise.all([
    import("../template/index.ts"),
    import("./inspect-types.ts"),
  ]);
  try {
    const template = compileTemplate(format, { missingKey: "error" });
    return (found) => {
      const whole = typed(found);
      try {
        if (whole !== undefined)
          return { text: template.execute(whole.value, { aliases: GO_NAMES, open: whole.open, keys: whole.keys }) };
      } catch {
        // What Docker's types have not may be in what the engine answered: that is what a failure is told of
      }
      try {
        return { text: template.execute(found, { untyped: true }) };
      } catch (error) {
        return { failure: messageOf(error) };
      }
    };
  } catch (error) {
    throw new CliError(`template parsing error: ${messageOf(error)}`, 64);
  }
}

function escapeHtml(json: string): string {
  return json.replace(/[<>&]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** JSON with four spaces, as Docker's inspect commands print it. */
export function indentedJson(value: unknown): string {
  return JSON.stringify(value, undefined, 4);
}
