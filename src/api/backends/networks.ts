import type {
  NetworkConnectRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkInspect,
  NetworkSummary,
} from "../generated/types.ts";
import type { CallContext, Filters } from "./streams.ts";

/** The body of POST /networks/create, which the document declares inline. */
export interface NetworkCreateBody {
  Name: string;
  Driver?: string;
  Scope?: string;
  Internal?: boolean;
  Attachable?: boolean;
  Ingress?: boolean;
  ConfigOnly?: boolean;
  ConfigFrom?: { Network?: string } | null;
  IPAM?: {
    Driver?: string;
    Config?: Array<{
      Subnet?: string;
      IPRange?: string;
      Gateway?: string;
      AuxiliaryAddresses?: Record<string, string> | null;
    }> | null;
    Options?: Record<string, string> | null;
  } | null;
  EnableIPv4?: boolean | null;
  EnableIPv6?: boolean | null;
  Options?: Record<string, string> | null;
  Labels?: Record<string, string> | null;
  CheckDuplicate?: boolean;
}

export interface NetworksBackend {
  list(filters: Filters): Promise<NetworkSummary[]>;
  inspect(ref: string, options: { verbose: boolean; scope: string | undefined }): Promise<NetworkInspect>;
  create(body: NetworkCreateBody): Promise<NetworkCreateResponse>;
  remove(ref: string): Promise<void>;
  connect(ref: string, body: NetworkConnectRequest, call: CallContext): Promise<void>;
  disconnect(ref: string, body: NetworkDisconnectRequest): Promise<void>;
  prune(filters: Filters): Promise<{ NetworksDeleted: string[] }>;
}
