import type { ContainerWaitResponse } from "../api/index.ts";
import { type Client, jsonLines } from "../client/index.ts";
import { CliError } from "./errors.ts";

/**
 * Asks for a container's next exit. Resolves as soon as the engine has taken note, so that a start after it cannot be missed.
 * @returns the exit code, later.
 */
export async function awaitExit(
  client: Client,
  id: string,
  condition: "next-exit" | "removed" | "not-running",
): Promise<{ code: Promise<number> }> {
  const response = await client.request("POST", `/containers/${id}/wait`, { query: { condition } });
  const code = (async () => {
    for await (const result of jsonLines<ContainerWaitResponse>(response.body)) {
      const failure = result.Error?.Message ?? "";
      if (failure !== "") throw new CliError(`Error waiting for container: ${failure}`, 125);
      return result.StatusCode;
    }
    throw new CliError("Error waiting for container: unexpected EOF", 125);
  })();
  code.catch(() => undefined); // awaited later, or not at all when the start fails
  return { code };
}
