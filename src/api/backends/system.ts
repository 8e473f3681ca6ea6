import type { AuthConfig, AuthResponse, EventMessage, SystemInfo, SystemVersion } from "../generated/types.ts";
import type { CallContext, Filters } from "./streams.ts";

export interface SystemBackend {
  version(): Promise<SystemVersion>;
  info(): Promise<SystemInfo>;
  /** Past events since `since`, then new ones until `until` (ns since 1970); endless when `until` is undefined. */
  events(
    query: { since: bigint | undefined; until: bigint | undefined; filters: Filters },
    call: CallContext,
  ): Promise<AsyncIterable<EventMessage>>;
  diskUsage(types: ReadonlySet<string>): Promise<Record<string, unknown>>;
  auth(body: AuthConfig): Promise<AuthResponse>;
}
