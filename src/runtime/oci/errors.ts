import { invalid, type EngineError } from "../../base/index.ts";

export const noUserNamespace = (program: string): EngineError =>
  invalid(
    `${program} cannot run a container with a user namespace: berth's own runtime can, or use --userns host for this container`,
  );
