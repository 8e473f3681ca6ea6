import { answerUnreadable } from "./errors.ts";

/** What a registry answered. @throws invalid when it is no JSON. */
export function readJson(url: URL, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw answerUnreadable(url, cause);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
