import { moreOpenFiles, openFiles } from "../../../support/descriptors.ts";
import { netdOf } from "../../../support/host.ts";
import { eventually } from "../../../support/wait.ts";
import type { Session } from "./session.ts";
import { askUdp, UDP_HOSTS } from "./udp-server.ts";

const NETWORK = "served";

/** A container that is there from the beginning to the end: netd has something to serve, and its open files compare. */
export class Served {
  readonly #session: Session;
  readonly #id: string;
  readonly #opened: ReadonlyMap<string, number>;

  private constructor(session: Session, id: string, opened: ReadonlyMap<string, number>) {
    this.#session = session;
    this.#id = id;
    this.#opened = opened;
  }

  static async begin(session: Session): Promise<Served> {
    await session.expect("POST", "/networks/create", [201], { Name: NETWORK });
    const created = await session.expect("POST", "/containers/create", [201], {
      Image: "busybox:local",
      Cmd: ["udp-server", "90"],
      ExposedPorts: { "90/udp": {} },
      HostConfig: {
        NetworkMode: NETWORK,
        PortBindings: { "90/udp": UDP_HOSTS.map((HostIp) => ({ HostIp, HostPort: "" })) },
      },
    });
    const { Id: id } = created.json as { Id: string }; // the API's shape
    session.spared = id;
    await session.expect("POST", `/containers/${id}/start`, [204]);
    return new Served(session, id, await openedByNetd(session, id));
  }

  /** Once nobody else has anything: the netd that is there then has served all that has come and gone since the last kill. */
  async end(): Promise<void> {
    let more: string[] = [];
    await eventually("netd's open files of the beginning", async () => {
      more = moreOpenFiles(this.#opened, await openedByNetd(this.#session, this.#id));
      return more.length === 0;
    }).catch(() => this.#session.violated(`netd: ${more.join("\n")}`));
    await this.#session.expect("DELETE", `/containers/${this.#id}?force=1`, [204]);
    await this.#session.expect("DELETE", `/networks/${NETWORK}`, [204]);
  }
}

/** What netd has open after a datagram to each address was answered. */
async function openedByNetd(session: Session, id: string): Promise<ReadonlyMap<string, number>> {
  const { json } = await session.expect("GET", `/containers/${id}/json`, [200]);
  // The API's shape
  const { NetworkSettings } = json as {
    NetworkSettings: { Ports: Record<string, Array<{ HostIp: string; HostPort: string }>> };
  };
  for (const host of UDP_HOSTS) {
    const port = NetworkSettings.Ports["90/udp"]?.find(({ HostIp }) => HostIp === host)?.HostPort;
    await eventually(`an answer at ${host}`, async () => (await askUdp(host, Number(port))) === id.slice(0, 12));
  }
  const pid = netdOf(session.engine);
  if (pid === undefined) throw new Error("there is no netd");
  return openFiles(pid);
}
