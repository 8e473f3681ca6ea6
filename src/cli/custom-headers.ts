import { CliError } from "./errors.ts";
import { splitCsv } from "./flags.ts";

const VARIABLE = "DOCKER_CUSTOM_HEADERS";

/**
 * The headers that a variable of the environment adds to each request: `A=1,"B=2,3"`, of which names lose their spaces.
 * @throws CliError when they cannot be read.
 */
export function customHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of fieldsOf(text)) {
    const refuse = (what: string) =>
      new CliError(
        `Failed to initialize: failed to set custom headers from ${VARIABLE} environment variable: ${what}: '${pair}'`,
      );
    const equals = pair.indexOf("=");
    const name = (equals === -1 ? pair : pair.slice(0, equals)).trim();
    if (name === "") throw refuse("value contains a key=value pair with an empty key");
    if (equals === -1) throw refuse('missing "=" in key=value pair');
    headers[canonical(name)] = pair.slice(equals + 1);
  }
  return headers;
}

/** The first line that is not empty, as Go's reader of such files takes it. */
function fieldsOf(text: string): string[] {
  try {
    return splitCsv(text.replace(/^[\r\n]+/, "").replace(/\r?\n.*/s, ""));
  } catch {
    throw new CliError(
      `Failed to initialize: failed to parse custom headers from ${VARIABLE} environment variable: ` +
        "value must be formatted as comma-separated key=value pairs",
    );
  }
}

/** `x-some-name` is `X-Some-Name`: names that are alike but for that are one. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** @throws CliError for a header that would not be one: a line more of the request, say. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    const fault = (what: string) => new CliError(`error during connect: net/http: invalid header field ${what}`);
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw fault(`name ${JSON.stringify(name)}`);
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) throw fault(`value for ${JSON.stringify(name)}`);
  }
}
