import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesIn, updateLink } from "./hosts-files.ts";
import { CALL, FakeWorld } from "./testing/fake-world.ts";

let world: FakeWorld;
beforeEach(() => (world = new FakeWorld()));
afterEach(() => world[Symbol.asyncDispose]());

const linked = (...Links: string[]) => ({ HostConfig: { Links } });
const linksOf = async (ref: string) => (await world.containers.inspect(ref, { size: false })).HostConfig?.Links;
const envOf = (id: string) => world.runtime.task(id).request.spec.process.env;
const namesOf = async () => {
  const list = await world.containers.list({ all: true, limit: undefined, size: false, filters: new Map() });
  return list.map(({ Names }) => Names);
};

test("a link adds the other's address, ports, environment and name to the variables", async () => {
  const config = {
    Env: ["PW=1", "PATH=/x", "HOME=/x"],
    ExposedPorts: { "53/udp": {}, "80/tcp": {}, "81": {}, "22": {} },
  };
  await world.run(config, "db");
  const web = await world.run({ ...linked("db:my-db"), Env: ["MY_DB_NAME=own"] }, "web");
  const at = "172.17.0.2";
  const port = (number: number, protocol: string) => [
    `MY_DB_PORT_${number}_${protocol.toUpperCase()}=${protocol}://${at}:${number}`,
    `MY_DB_PORT_${number}_${protocol.toUpperCase()}_ADDR=${at}`,
    `MY_DB_PORT_${number}_${protocol.toUpperCase()}_PORT=${number}`,
    `MY_DB_PORT_${number}_${protocol.toUpperCase()}_PROTO=${protocol}`,
  ];
  expect(envOf(web)?.filter((entry) => entry.startsWith("MY_DB"))).toEqual([
    `MY_DB_PORT=tcp://${at}:22`,
    ...port(22, "tcp"),
    ...port(80, "tcp"),
    ...port(81, "tcp"),
    ...port(53, "udp"),
    `MY_DB_PORT_80_TCP_START=tcp://${at}:80`,
    "MY_DB_PORT_80_TCP_PORT_START=80",
    `MY_DB_PORT_80_TCP_END=tcp://${at}:81`,
    "MY_DB_PORT_80_TCP_PORT_END=81",
    "MY_DB_NAME=own",
    "MY_DB_ENV_PW=1",
  ]);
});

test("links name the container whatever was given, each alias once", async () => {
  const db = await world.create({}, "db");
  await world.create({ HostConfig: { NetworkMode: `container:${db}` } }, "joined");
  await world.create(linked(`${db.slice(0, 12)}:a`, "/db:/old/b", "joined:a", "joined:c"), "web");
  expect(await linksOf("web")).toEqual(["/db:/web/a", "/db:/web/b", "/db:/web/c"]);
  expect(await namesOf()).toContainEqual(["/db", "/web/a", "/web/b", "/web/c"]);
  await world.containers.rename("db", "zz");
  expect(await namesOf()).toContainEqual(["/web/a", "/web/b", "/web/c", "/zz"]);
  expect((await world.containers.inspect("/web/b", { size: false })).Name).toBe("/zz");
});

test("a container in the host's network has no address to link to", async () => {
  await world.create({ HostConfig: { NetworkMode: "host" } }, "other");
  const creating = world.create(linked("other:o"));
  await expect(creating).rejects.toThrow("conflicting options: host type networking can't be used with links.");
});

test("a start needs what it is linked to, and keeps the exit code of the run before", async () => {
  const db = await world.run({}, "db");
  const web = await world.run(linked("db"), "web");
  world.runtime.task(web).exit(3);
  await (
    await world.containers.wait(web, "not-running", CALL)
  ).result;
  await world.containers.remove(db, { force: true, volumes: false, link: false });
  await expect(world.containers.start(web, CALL)).rejects.toThrow(
    "Cannot link to a non running container: /db AS /web/db",
  );
  const { State } = await world.containers.inspect(web, { size: false });
  expect(State).toMatchObject({ ExitCode: 3, Error: "Cannot link to a non running container: /db AS /web/db" });
});

test("a container that has left the bridge is not linked to it any more", async () => {
  await world.create({}, "db");
  const web = await world.create(linked("db"), "web");
  await world.service.connections.disconnect("bridge", { Container: web });
  await world.containers.start(web, CALL);
  expect(envOf(web)?.some((entry) => entry.startsWith("DB_"))).toBe(false);
});

test("rm --link takes the name, and nothing else", async () => {
  await world.create({}, "db");
  await world.create(linked("db:a", "db:b"), "web");
  const remove = (ref: string) => world.containers.remove(ref, { force: false, volumes: false, link: true });
  await remove("/web/a");
  expect(await linksOf("web")).toEqual(["/db:/web/b"]);
  await expect(remove("web")).rejects.toThrow("Conflict, cannot remove the default link name of the container");
  await expect(remove("web/a")).rejects.toThrow("No such container: web/a");
  await world.reboot();
  expect(await linksOf("web")).toEqual(["/db:/web/b"]);
});

test("linked names take new addresses in /etc/hosts, and what the container wrote stays", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-links-"));
  try {
    const files = filesIn(folder);
    writeFileSync(
      files.hosts,
      "127.0.0.1\tlocalhost\n10.0.0.2\tdb aa db\nfd00::2\tdb aa db\n10.0.0.3\tbb\n1.2.3.4 mine\n",
    );
    const names = ["db", "aa", "sql"];
    await updateLink(files, [
      { address: "10.0.0.9", names },
      { address: "fd00::9", names },
      { address: "10.0.0.8", names: ["more"] },
    ]);
    expect(readFileSync(files.hosts, "utf8").split("\n")).toEqual([
      "127.0.0.1\tlocalhost",
      "10.0.0.9\tdb aa sql",
      "fd00::9\tdb aa sql",
      "10.0.0.3\tbb",
      "1.2.3.4 mine",
      "10.0.0.8\tmore",
      "",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
