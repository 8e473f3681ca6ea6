import type { RegistryAuth } from "../api/index.ts";

/** The credentials in `X-Registry-Auth`. What cannot be read counts as none, as in Docker. */
export function readRegistryAuth(headers: ReadonlyMap<string, string>): RegistryAuth | undefined {
  const text = headers.get("x-registry-auth");
  if (text === undefined || text === "") return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (!Object.values(value).every((member) => typeof member === "string")) return undefined;
    return value;
  } catch {
    return undefined;
  }
}
