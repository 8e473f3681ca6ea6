/** A line that one engine tells in some worlds and the other does not, and why berth is right. */
export interface Difference {
  /** The world's name, or `*` for any number of them. */
  world: string;
  docker?: RegExp;
  berth?: RegExp;
  reason: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    world: "*",
    docker: /^sysctl: net\/ipv6\/conf\/eth0\/disable_ipv6 1$/,
    berth: /^sysctl: net\/ipv6\/conf\/eth0\/disable_ipv6 0$/,
    reason:
      "An interface of a network without IPv6 has no IPv6 address in either engine: Docker disables the protocol there, " +
      "berth turns the making of addresses off, which needs no visit to the container's /proc.",
  },
];
