import { existsSync } from "node:fs";
import { chosenAttributes, tagOf } from "../attributes.ts";
import { cannotStart } from "../errors.ts";
import type { LogSender, LogSource, SenderCalls } from "../types.ts";
import { datagramSender, unixDatagrams } from "./datagrams.ts";

const SOCKET = "/run/systemd/journal/socket";
const PRIORITY = { stdout: "6", stderr: "3" };

/** @throws unknown with Docker's text where no journald listens. */
export function checkJournald(): void {
  if (!existsSync(SOCKET)) throw cannotStart("journald is not enabled on this host");
}

/** The journal's native protocol (systemd's "Native Journal Protocol"): a datagram of fields for each entry. */
export function openJournald(source: LogSource, calls: SenderCalls, path = SOCKET): LogSender {
  const tag = tagOf(source, "{{.ID}}");
  const fixed = fields({
    CONTAINER_ID: source.id.slice(0, 12),
    CONTAINER_ID_FULL: source.id,
    CONTAINER_NAME: source.name,
    CONTAINER_TAG: tag,
    IMAGE_NAME: source.imageName,
    SYSLOG_IDENTIFIER: tag,
    ...Object.fromEntries(Object.entries(chosenAttributes(source)).map(([name, value]) => [fieldName(name), value])),
  });
  return datagramSender(unixDatagrams(path, calls), ({ text, stream, time, partial }) => {
    const own = fields({
      PRIORITY: PRIORITY[stream],
      SYSLOG_TIMESTAMP: time,
      ...(partial ? { CONTAINER_PARTIAL_MESSAGE: "true" } : {}),
    });
    return [Buffer.concat([field("MESSAGE", text), own, fixed])];
  });
}

function fields(values: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(values)
      .filter(([name]) => name !== "")
      .map(([name, value]) => field(name, Buffer.from(value))),
  );
}

/** `NAME=value`, or for a value with a line feed the name, its length in 8 bytes and the value. */
function field(name: string, value: Buffer): Buffer {
  if (!value.includes(0x0a)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from("\n")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from("\n")]);
}

/** Names have capitals, digits and underscores, and begin with a capital; the journal drops others. */
function fieldName(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, "_")
    .replace(/^[0-9_]+/, "");
}
