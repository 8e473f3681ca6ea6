import { invalid } from "../base/index.ts";

export const malformedChunks = () => invalid("malformed chunked encoding");
/** As Go says it. */
export const cutShort = () => invalid("unexpected EOF");
