export { BodyFraming } from "./body-framing.ts";
export { cutShort } from "./errors.ts";
export { LentBody } from "./lent-body.ts";
export * from "./types.ts";
