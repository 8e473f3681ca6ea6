import { expect, test } from "bun:test";
import { appArmorProfiles } from "./host-facts.ts";

test("profiles of AppArmor are told by their names", () => {
  const text = "docker-default (enforce)\n/usr/bin/man (enforce)\nwith space (complain)\n";
  expect([...(appArmorProfiles(text) ?? [])]).toEqual(["docker-default", "/usr/bin/man", "with space"]);
  expect(appArmorProfiles("")).toBeUndefined();
});
