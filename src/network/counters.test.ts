import { expect, test } from "bun:test";
import { loadNative } from "../sys/index.ts";
import { CounterReader, parseNetDev } from "./counters.ts";

test("/proc/net/dev is read by column; loopback is not shown", () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1234567      89    1    2    0     0          0         0    76543      21    3    4    0     0       0          0
`;
  expect(parseNetDev(text)).toEqual({
    eth0: {
      rx_bytes: 1234567,
      rx_packets: 89,
      rx_errors: 1,
      rx_dropped: 2,
      tx_bytes: 76543,
      tx_packets: 21,
      tx_errors: 3,
      tx_dropped: 4,
    },
  });
});

test("a process that is gone has none", async () => {
  expect(await new CounterReader(loadNative()).of(0x7ffffff0)).toEqual({});
});
