import { rmSync } from "node:fs";
import { messageOf } from "../../base/index.ts";
import { dockerArchive, image, stream, tar } from "./archives.ts";
import { call, collect, lines, testEngine, type TestEngine } from "./engine.ts";

/**
 * A process that a crash point may kill: `ROOT` is its data root. Loads two images that share a layer and removes one.
 * With a second argument, the file that arms the point: when a step fails it is disarmed and the step repeated; what the
 * failure left is printed as JSON in between, or at the end when no step failed.
 */
const [root = "", armed] = process.argv.slice(2);

const base = tar([{ name: "base", data: "base" }]);
const archives = [
  dockerArchive([{ image: image([base, tar([{ name: "a", data: "a" }])]), tags: ["crash:a"] }]),
  dockerArchive([{ image: image([base, tar([{ name: "b", data: "b" }])]), tags: ["crash:b"] }]),
];

type Step = (engine: TestEngine) => Promise<void>;

const load =
  (archive: Buffer): Step =>
  async ({ images }) => {
    const said = lines(await collect(images.load(stream(archive), { quiet: true, platforms: [] }, call)));
    const failed = said.find((line) => !line.startsWith("Loaded image"));
    if (failed !== undefined) throw new Error(failed);
  };

const remove: Step = async ({ images }) => {
  await images.remove("crash:a", { force: false, noprune: false, platforms: [] });
};

await using engine = await testEngine({ root, keep: true });
let told = false;
const tell = async (error: string) => {
  if (armed === undefined || told) return;
  told = true;
  rmSync(armed, { force: true });
  await engine.images.collect();
  console.log(JSON.stringify({ error, left: engine.leftovers() }));
};
for (const step of [...archives.map(load), remove]) {
  try {
    await step(engine);
  } catch (error) {
    if (armed === undefined) throw error;
    await tell(messageOf(error));
    if (step !== remove) await step(engine);
  }
}
// No step failed: the point is in work that is nobody's.
await tell("");
