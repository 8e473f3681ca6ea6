import { describe, expect, test } from "bun:test";
import type { NetworkCreateBody } from "../api/index.ts";
import { isKind } from "../base/index.ts";
import { parseCidr } from "./address.ts";
import type { Subnet } from "./address.ts";
import { defaultNetworkConfig } from "./config.ts";
import { OPTION, planNetwork } from "./create.ts";
import { predefinedNetworks } from "./predefined.ts";
import type { NetworkRecord } from "./records.ts";

const config = defaultNetworkConfig();
const HOST = { routed: [], onBridge: undefined };
const predefined = predefinedNetworks(config, [], HOST);

function subnet(text: string): Subnet {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed.subnet;
}

function plan(body: NetworkCreateBody, networks: readonly NetworkRecord[] = predefined, routed: string[] = []) {
  return planNetwork(body, { config, networks, routed: routed.map(subnet) });
}

describe("a network to be made", () => {
  test("gets the next free pool, its first address as gateway, a bridge named by its id", () => {
    const network = plan({ Name: "n" });
    expect(network.subnets).toEqual([
      { subnet: "172.18.0.0/16", ipRange: undefined, gateway: "172.18.0.1", auxiliary: {}, configured: false },
    ]);
    expect(network.bridge).toBe(`berth-${network.id.slice(0, 9)}`);
    expect(network).toMatchObject({
      driver: "bridge",
      icc: true,
      masquerade: true,
      mtu: 1500,
      ipv4: true,
      ipv6: false,
    });
  });

  test("keeps away from subnets that the host routes", () => {
    expect(plan({ Name: "n" }, predefined, ["172.18.5.0/24", "172.19.0.0/16"]).subnets[0]?.subnet).toBe(
      "172.20.0.0/16",
    );
  });

  test("takes subnet, range, gateway and reserved addresses as asked", () => {
    const network = plan({
      Name: "n",
      IPAM: {
        Config: [
          {
            Subnet: "10.1.0.0/16",
            IPRange: "10.1.5.0/24",
            Gateway: "10.1.0.9",
            AuxiliaryAddresses: { router: "10.1.0.3" },
          },
        ],
      },
    });
    expect(network.subnets[0]).toEqual({
      subnet: "10.1.0.0/16",
      ipRange: "10.1.5.0/24",
      gateway: "10.1.0.9",
      auxiliary: { router: "10.1.0.3" },
      configured: true,
    });
  });

  test("with IPv6 and no subnet for it gets a unique local one", () => {
    const network = plan({ Name: "n", EnableIPv6: true });
    expect(network.subnets[1]?.subnet).toMatch(/^fd[0-9a-f:]+\/64$/);
  });

  test("reads its driver's options", () => {
    const network = plan({
      Name: "n",
      Options: { [OPTION.bridgeName]: "mybr", [OPTION.icc]: "false", [OPTION.mtu]: "1400", [OPTION.masquerade]: "0" },
    });
    expect(network).toMatchObject({ bridge: "mybr", icc: false, mtu: 1400, masquerade: false });
  });
});

test.each<[NetworkCreateBody, string]>([
  [{ Name: "bridge" }, "operation is not permitted on predefined bridge network"],
  [{ Name: " " }, "invalid name: name is empty"],
  [{ Name: "n", Driver: "foo" }, 'plugin "foo" not found'],
  [{ Name: "n", Driver: "host" }, 'only one instance of "host" network is allowed'],
  [{ Name: "n", EnableIPv4: false }, "IPv4 or IPv6 must be enabled"],
  [{ Name: "n", IPAM: { Driver: "x" } }, 'ipam driver "x" not found'],
  [
    { Name: "n", IPAM: { Config: [{ Subnet: "172.17.5.0/24" }] } },
    "Pool overlaps with other one on this address space",
  ],
  [
    { Name: "n", IPAM: { Config: [{ Subnet: "172.30.0.5/16" }] } },
    "invalid network config:\ninvalid subnet 172.30.0.5/16: it should be 172.30.0.0/16",
  ],
  [{ Name: "n", IPAM: { Config: [{ Gateway: "10.0.0.1" }] } }, "no matching subnet for gateway 10.0.0.1"],
  [
    { Name: "n", IPAM: { Config: [{ Subnet: "10.0.0.0/24", Gateway: "10.1.0.1" }] } },
    "invalid gateway 10.1.0.1: parent subnet 10.0.0.0/24 doesn't contain this address",
  ],
  [
    { Name: "n", Options: { [OPTION.icc]: "maybe" } },
    'invalid value for option com.docker.network.bridge.enable_icc: "maybe"',
  ],
  [{ Name: "n", Options: { [OPTION.bridgeName]: "much-too-long-name" } }, "much-too-long-name"],
  [{ Name: "n", Options: { [OPTION.bridgeName]: "berth0" } }, "networks have same bridge name"],
])("%j is refused", (body, text) => {
  expect(() => plan(body)).toThrow(text);
});

test("a name in use is a conflict", () => {
  const first = plan({ Name: "n" });
  let error: unknown;
  try {
    plan({ Name: "n" }, [...predefined, first]);
  } catch (reason) {
    error = reason;
  }
  expect(isKind(error, "conflict")).toBe(true);
  expect(String(error)).toContain("network with name n already exists");
});

describe("predefined networks", () => {
  test("keep their ids and an unnamed subnet over a restart, whatever is routed by then", () => {
    const again = predefinedNetworks(config, predefined, { ...HOST, routed: [subnet("172.17.0.0/16")] });
    expect(again).toEqual(predefined);
  });

  test("the bridge follows its options", () => {
    const [bridge] = predefinedNetworks(
      { ...config, bip: "10.9.0.5/24", fixedCidr: "10.9.0.128/25", defaultGateway: "10.9.0.1", mtu: 1400, icc: false },
      predefined,
      HOST,
    );
    expect(bridge).toMatchObject({ id: predefined[0]?.id ?? "", mtu: 1400, icc: false });
    expect(bridge?.subnets).toEqual([
      {
        subnet: "10.9.0.0/24",
        ipRange: "10.9.0.128/25",
        gateway: "10.9.0.5",
        auxiliary: { DefaultGatewayIPv4: "10.9.0.1" },
        configured: false,
      },
    ]);
  });

  test("without a bridge name there is no default network", () => {
    expect(predefinedNetworks({ ...config, bridgeName: undefined }, [], HOST).map((network) => network.name)).toEqual([
      "host",
      "none",
    ]);
  });

  test("options that are no addresses are refused", () => {
    expect(() => predefinedNetworks({ ...config, bip: "10.0.0.1" }, [], HOST)).toThrow('invalid bip "10.0.0.1"');
    expect(() => predefinedNetworks({ ...config, defaultGateway: "x" }, [], HOST)).toThrow(
      'invalid default-gateway "x"',
    );
  });
});
