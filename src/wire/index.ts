export { BodyFraming } from "./body-framing.ts";
export { cutShort } from "./errors.ts";
export { LentBody } from "./lent-body.ts";
export { LentWriter } from "./lent-writer.ts";
export * from "./types.ts";
