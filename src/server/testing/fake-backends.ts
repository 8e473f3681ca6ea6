import { notImplemented } from "../../base/index.ts";
import type { Backends } from "../routes/index.ts";

type Overrides = { readonly [K in keyof Backends]?: Partial<Backends[K]> };

/** An engine that can do only what a test gives it. */
export function fakeBackends(overrides: Overrides = {}): Backends {
  return {
    containers: fake("containers", overrides.containers),
    exec: fake("exec", overrides.exec),
    images: fake("images", overrides.images),
    volumes: fake("volumes", overrides.volumes),
    networks: fake("networks", overrides.networks),
    system: fake("system", overrides.system),
  };
}

function fake<T extends object>(name: string, given: Partial<T> = {}): T {
  const handler: ProxyHandler<Partial<T>> = {
    get: (target, key) =>
      Reflect.get(target, key) ?? (async () => Promise.reject(notImplemented(`fake ${name}.${String(key)}`))),
  };
  return new Proxy(given, handler) as T; // every method that is not given rejects
}
