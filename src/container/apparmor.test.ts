import { expect, test } from "bun:test";
import { appArmorProfile } from "./apparmor.ts";

const host = (...names: string[]) => ({ loaded: () => new Set(names) });
const hidden = { loaded: () => undefined };

test("without AppArmor an option has no effect, as in Docker", () => {
  for (const wanted of [undefined, "unconfined", "some", "docker-default"]) {
    expect(appArmorProfile(wanted, false, undefined)).toBeUndefined();
  }
});

test("a profile that is asked for is applied, also to a privileged container", () => {
  expect(appArmorProfile("some", false, host("some"))).toBe("some");
  expect(appArmorProfile("some", true, host("some"))).toBe("some");
  expect(appArmorProfile("unconfined", false, host())).toBe("unconfined");
});

test("one that is not loaded is refused by name", () => {
  expect(() => appArmorProfile("other", false, host("some"))).toThrow('apparmor profile "other" is not loaded');
});

test("where the kernel does not show its profiles, the kernel decides", () => {
  expect(appArmorProfile("other", false, hidden)).toBe("other");
  expect(appArmorProfile(undefined, false, hidden)).toBeUndefined();
});

test("without an option it is the default profile, if that is loaded and the container is not privileged", () => {
  expect(appArmorProfile(undefined, false, host("docker-default"))).toBe("docker-default");
  expect(appArmorProfile(undefined, true, host("docker-default"))).toBeUndefined();
  expect(appArmorProfile(undefined, false, host("some"))).toBeUndefined();
});
