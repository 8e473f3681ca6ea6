/** One challenge of WWW-Authenticate (RFC 9110, 11.6.1). */
export interface Challenge {
  scheme: "basic" | "bearer";
  parameters: Map<string, string>;
}

/** The first challenge that a registry client understands. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined) return undefined;
  const start = /(?:^|,\s*)(basic|bearer)(?:\s+|$)/i.exec(header);
  if (start === null) return undefined;
  const parameters = new Map<string, string>();
  const rest = header.slice(start.index + start[0].length);
  for (const [, name = "", quoted, token] of rest.matchAll(/([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)) {
    parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, "$1") ?? token ?? "");
  }
  return { scheme: start[1]?.toLowerCase() === "basic" ? "basic" : "bearer", parameters };
}
