import { request } from "node:http";

/** An answer of the engine's API. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  bytes: Buffer;
  /** The parsed body, or undefined when it is not JSON. */
  json: unknown;
}

/** One call of an engine's API over its unix socket. A body that is not a string or bytes is sent as JSON. */
export function apiCall(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const data = body === undefined ? undefined : raw ? body : JSON.stringify(body);
  const type: Record<string, string> = raw || data === undefined ? {} : { "Content-Type": "application/json" };
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers: { ...type, ...headers }, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      // Before its end: the engine was killed. After it, this changes nothing.
      response.on("close", () => reject(new Error(`${method} ${path}: the answer broke off`)));
      response.on("end", () => {
        const bytes = Buffer.concat(parts);
        const text = bytes.toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, bytes, json: parse(text) });
      });
    });
    call.on("error", reject);
    call.end(data);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
