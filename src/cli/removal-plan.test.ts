import { describe, expect, test } from "bun:test";
import { planRemoval } from "./removal-plan.ts";

const VOLUME = "f".repeat(64);
const container = (State: object) => ({
  Id: "a".repeat(64),
  Name: "/web",
  State,
});
const flags = { force: false, link: false };

describe("a plan of a removal", () => {
  test("of a container that has ended", () => {
    const plan = (...volumes: string[]) => planRemoval("web", container({ Running: false }), volumes, flags);
    expect(plan()).toBe("Would remove container web (aaaaaaaaaaaa)");
    expect(plan(VOLUME)).toBe(`Would remove container web (aaaaaaaaaaaa)\nWould remove volume ${VOLUME}`);
  });

  test("of one that runs fails, and says what to do", () => {
    expect(() => planRemoval("web", container({ Running: true }), [], flags)).toThrow(
      'Would fail: Error response from daemon: cannot remove container "web": container is running: ' +
        "stop the container before removing or force remove\nHint: end it in its own time with `berth stop web`, then remove it; " +
        "or kill and remove it at once with `berth rm -f web`",
    );
    expect(() => planRemoval("web", container({ Running: true, Paused: true }), [], flags)).toThrow(
      "`berth unpause web && berth stop web`",
    );
  });

  test("by force, or of a link", () => {
    const running = container({ Running: true });
    expect(planRemoval("web", running, [], { ...flags, force: true })).toStartWith(
      "Would kill and remove container web",
    );
    expect(planRemoval("web/db", running, [], { ...flags, link: true })).toBe("Would remove the link web/db");
  });
});
