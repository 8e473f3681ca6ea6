import { describe, expect, test } from "bun:test";
import { defaultNetworkConfig, type NetworkConfig } from "./config.ts";
import { describeNetwork } from "./describe.ts";
import { predefinedNetworks } from "./predefined.ts";
import type { NetworkRecord } from "./records.ts";

const bridgeOf = (options: Partial<NetworkConfig>, existing: readonly NetworkRecord[] = []): NetworkRecord => {
  const networks = predefinedNetworks({ ...defaultNetworkConfig(), ...options }, existing, {
    routed: [],
    onBridge: undefined,
  });
  const bridge = networks.find(({ name }) => name === "bridge");
  if (bridge === undefined) throw new Error("there is no default bridge");
  return bridge;
};
const shown = (options: Partial<NetworkConfig>) => describeNetwork(bridgeOf(options), []).IPAM?.Config;

describe("the default bridge with IPv6", () => {
  test("has a subnet of its own, which it keeps", () => {
    const first = bridgeOf({ ipv6: true });
    expect(first.ipv6).toBe(true);
    expect(first.subnets.map(({ subnet }) => subnet)).toEqual(["172.17.0.0/16", expect.stringMatching(/^fd.*::\/64$/)]);
    expect(bridgeOf({ ipv6: true }, [first]).subnets).toEqual(first.subnets);
    expect(bridgeOf({}, [first])).toMatchObject({ ipv6: false, subnets: [first.subnets[0]] });
  });

  // As dockerd 28 has them, which does not show the gateway of a fixed-cidr-v6 without bip6.
  test("has the subnet of --bip6, or of --fixed-cidr-v6", () => {
    const four = { Subnet: "172.17.0.0/16", Gateway: "172.17.0.1" };
    expect(shown({ ipv6: true, fixedCidr6: "2001:db8:1::/64" })).toEqual([
      { Subnet: "2001:db8:1::/64", IPRange: "2001:db8:1::/64", Gateway: "2001:db8:1::1" },
      four,
    ]);
    expect(shown({ ipv6: true, fixedCidr6: "fd00:1::/80", bip6: "fd00:1::5/64" })).toEqual([
      { Subnet: "fd00:1::/64", IPRange: "fd00:1::/80", Gateway: "fd00:1::5" },
      four,
    ]);
    expect(shown({ ipv6: true, bip6: "fd00:1::5/64", defaultGateway6: "fd00:1::9" })).toEqual([
      { Subnet: "fd00:1::/64", Gateway: "fd00:1::5", AuxiliaryAddresses: { DefaultGatewayIPv6: "fd00:1::9" } },
      four,
    ]);
  });

  test("goes from one --fixed-cidr-v6 to another", () => {
    const first = bridgeOf({ ipv6: true, fixedCidr6: "2001:db8:1::/64" });
    expect(bridgeOf({ ipv6: true, fixedCidr6: "2001:db8:2::/64" }, [first]).subnets[0]?.subnet).toBe("2001:db8:2::/64");
  });

  test("is not there without --ipv6, whatever else is said", () => {
    expect(shown({ fixedCidr6: "2001:db8:1::/64", bip6: "fd00:1::5/64" })).toHaveLength(1);
  });

  test.each<[Partial<NetworkConfig>, string]>([
    [{ bip6: "nonsense" }, 'invalid bip6 "nonsense": expected an address and prefix, such as fd00:1::1/64'],
    [{ bip6: "10.0.0.1/24" }, 'invalid bip6 "10.0.0.1/24": expected an address and prefix, such as fd00:1::1/64'],
    [{ fixedCidr6: "fd00::" }, 'invalid fixed-cidr-v6 "fd00::": expected an address and prefix, such as fd00:1::1/64'],
    [
      { bip6: "fd00:1::1/64", defaultGateway6: "fd99::1" },
      "auxiliary address: (DefaultGatewayIPv6:fd99::1) must belong to the master pool: fd00:1::/64",
    ],
    [{ bip: "fd00:1::1/64" }, 'invalid bip "fd00:1::1/64": expected an address and prefix, such as 172.17.0.1/16'],
  ])("%o is refused", (options, text) => {
    expect(() => bridgeOf({ ipv6: true, ...options })).toThrow(text);
  });
});
