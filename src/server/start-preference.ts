/** What answers that did more than was asked for say. */
export const STARTED = { "Preference-Applied": "start" } as const;

export interface StartPreference {
  /** True when the client wants the process's stdio on this connection. */
  readonly attached: boolean;
  readonly detachKeys: string | undefined;
}

/**
 * `Prefer: start; detach-keys="ctrl-x,y"` (RFC 7240): what is made here is started with the same request. With `Upgrade` the
 * connection becomes its session. An engine that does not know of it only makes it, which clients can tell from the answer.
 */
export function startPreference(headers: ReadonlyMap<string, string>): StartPreference | undefined {
  const found = /(?:^|,)\s*start\s*(?:;\s*detach-keys\s*=\s*"([^"]*)"\s*)?(?=,|$)/.exec(headers.get("prefer") ?? "");
  if (found === null) return undefined;
  return { attached: headers.has("upgrade"), detachKeys: found[1] };
}
