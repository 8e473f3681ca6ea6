import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Where its port is published: over IPv6 it is netd that passes datagrams on. */
export const UDP_HOSTS: readonly string[] = hasIpv6() ? ["127.0.0.1", "::1"] : ["127.0.0.1"];

/** Answers each datagram with the host's name: no program of busybox does that. */
const SOURCE = `
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1]))}, client;
  char name[64] = "", data[64];
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (gethostname(name, sizeof name - 1) || bind(fd, (void *)&own, sizeof own)) return 1;
  for (;;) {
    socklen_t length = sizeof client;
    if (recvfrom(fd, data, sizeof data, 0, (void *)&client, &length) < 0) continue;
    sendto(fd, name, __builtin_strlen(name), 0, (void *)&client, length);
  }
}
`;

/** Whether the loopback interface has `::1`. */
function hasIpv6(): boolean {
  return existsSync("/proc/net/if_inet6") && / lo$/m.test(readFileSync("/proc/net/if_inet6", "utf8"));
}

/** The program; it takes a port. */
export async function udpServer(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "berth-udp-"));
  try {
    const [source, program] = [join(folder, "server.c"), join(folder, "server")];
    await writeFile(source, SOURCE);
    await promisify(execFile)("cc", ["-static", "-Os", "-s", "-o", program, source]);
    return await readFile(program);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The answer to one datagram; undefined when none came within a moment. */
export function askUdp(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    // What a datagram had come to may have been killed with it; the caller asks again.
    const timer = setTimeout(() => end(undefined), 500);
    const end = (answer: string | undefined) => {
      clearTimeout(timer);
      socket.removeAllListeners("message");
      socket.close();
      resolve(answer);
    };
    socket.on("error", () => undefined); // nobody is there yet: no answer comes
    socket.once("message", (data) => end(data.toString()));
    socket.send("who", port, host, () => undefined);
  });
}
