import { EngineError, notFound } from "../base/index.ts";
import { RegistryError } from "../registry/index.ts";
import { familiarName, familiarReference, type Reference } from "../spec/index.ts";

/** What `docker pull` shows for a registry's refusal. */
export function pullError(reference: Reference, error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error;
  const text = refusalText(reference, error);
  return text === undefined ? error : notFound(text, { cause: error });
}

function refusalText(reference: Reference, error: RegistryError): string | undefined {
  switch (error.code) {
    case "DENIED":
      return (
        `pull access denied for ${familiarName(reference)}, ` +
        `repository does not exist or may require 'docker login': ${error.message}`
      );
    case "MANIFEST_UNKNOWN":
      return `manifest for ${familiarReference(reference)} not found: ${error.message}`;
    case "NAME_UNKNOWN":
      return `repository ${familiarName(reference)} not found: ${error.message}`;
    default:
      return undefined;
  }
}

/** What a push shows: a refusal of the registry as it words it. */
export function pushError(error: unknown): unknown {
  if (error instanceof RegistryError && error.code === "DENIED" && !error.message.includes("denied: ")) {
    return new EngineError("forbidden", `denied: ${error.message}`, { cause: error });
  }
  return error;
}
