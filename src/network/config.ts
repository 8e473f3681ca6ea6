/** What the daemon's options say about networks. Names of everything on the host derive from `instance` and `bridgeName`. */
export interface NetworkConfig {
  /** Names the nftables table and marks rules, so that several daemons live side by side. */
  instance: string;
  /** Bridges of user-defined networks: this and the start of the network's id. At most 6 characters. */
  bridgePrefix: string;
  /** The default network's bridge; undefined leaves the default network out (`--bridge none`). */
  bridgeName: string | undefined;
  /** The default bridge's address and subnet (`--bip`); chosen from the pools when undefined. */
  bip: string | undefined;
  /** Where in the subnet containers' addresses come from (`--fixed-cidr`). */
  fixedCidr: string | undefined;
  defaultGateway: string | undefined;
  /** IPv6 on the default bridge (`--ipv6`); the other options of IPv6 count only then. */
  ipv6: boolean;
  /** Its address and subnet (`--bip6`); a subnet of `fixedCidr6`, or one of its own, when undefined. */
  bip6: string | undefined;
  /** Where containers' addresses come from (`--fixed-cidr-v6`). */
  fixedCidr6: string | undefined;
  defaultGateway6: string | undefined;
  mtu: number;
  icc: boolean;
  masquerade: boolean;
  /** Where ports are published when nothing else is said (`--ip`). */
  publishAddress: string;
  pools: ReadonlyArray<{ base: string; size: number }>;
  /** Program packet filters (`--iptables`). */
  firewall: boolean;
  /** Switch the host's forwarding on (`--ip-forward`). */
  forwarding: boolean;
  /** Relay connections and datagrams to `[::]` and `[::1]` to containers with IPv4 only (`--userland-proxy`). */
  relay: boolean;
  dns: { servers: string[]; search: string[]; options: string[] };
  resolvConf: string;
  /** Instead of the default bridge's addresses behind `host-gateway` (`--host-gateway-ip`). */
  hostGateways: readonly string[];
}

/** The default bridge that nobody named: it is berth's, whoever made it. */
export const OWN_BRIDGE = "berth0";

/** Docker's default address pools. */
export const DEFAULT_POOLS: ReadonlyArray<{ base: string; size: number }> = [
  { base: "172.17.0.0/16", size: 16 },
  { base: "172.18.0.0/16", size: 16 },
  { base: "172.19.0.0/16", size: 16 },
  { base: "172.20.0.0/14", size: 16 },
  { base: "172.24.0.0/14", size: 16 },
  { base: "172.28.0.0/14", size: 16 },
  { base: "192.168.0.0/16", size: 20 },
];

/** The configuration of a daemon without network options. */
export function defaultNetworkConfig(): NetworkConfig {
  return {
    instance: "berth",
    bridgePrefix: "berth-",
    bridgeName: OWN_BRIDGE,
    bip: undefined,
    fixedCidr: undefined,
    defaultGateway: undefined,
    ipv6: false,
    bip6: undefined,
    fixedCidr6: undefined,
    defaultGateway6: undefined,
    mtu: 1500,
    icc: true,
    masquerade: true,
    publishAddress: "0.0.0.0",
    pools: DEFAULT_POOLS,
    firewall: true,
    forwarding: true,
    relay: true,
    dns: { servers: [], search: [], options: [] },
    resolvConf: "/etc/resolv.conf",
    hostGateways: [],
  };
}
