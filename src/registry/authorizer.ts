import { isRecord } from "./json.ts";
import { parseChallenge, type Challenge } from "./challenge.ts";
import type { Endpoint } from "./endpoints.ts";
import { badUrl, insecureRealm, noBasicCredentials, registryError, tokenMissing } from "./errors.ts";
import type { HttpAnswer, HttpRequest, Transport } from "./transport.ts";
import type { RegistryAuth } from "./types.ts";

const CLIENT_ID = "docker";
const MAX_TOKEN_ANSWER = 1024 * 1024;
/** The token spec's default lifetime, less what a request may take. */
const DEFAULT_LIFETIME_S = 60;
const SAFETY_S = 10;

interface Token {
  value: string;
  /** performance.now() */
  expires: number;
}

/**
 * Answers a registry's challenges (distribution spec, "Token Authentication"). Credentials go to the registry itself or
 * to the realm that it names in an answer of its own: challenges of hosts that it redirected to are not answered.
 */
export class Authorizer {
  readonly #transport: Transport;
  readonly #auth: RegistryAuth | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenge: Challenge | undefined;

  constructor(transport: Transport, auth: RegistryAuth | undefined) {
    this.#transport = transport;
    this.#auth = auth;
  }

  /** Sends with what the registry asked for so far, and once more when it asks for something else. */
  async send(endpoint: Endpoint, request: HttpRequest, scopes: readonly string[]): Promise<HttpAnswer> {
    const first = await this.#transport.send(await this.#authorize(endpoint, request, scopes));
    if (first.status !== 401 || first.url.origin !== endpoint.base.origin) return first;
    const challenge = parseChallenge(first.header("www-authenticate"));
    if (challenge === undefined || !this.#canAnswer(challenge, request)) return first;
    first.discard();
    this.#challenge = challenge;
    for (const scope of scopes) this.#tokens.delete(scope);
    this.#tokens.delete(scopes.join(" "));
    return await this.#transport.send(await this.#authorize(endpoint, request, scopes));
  }

  #canAnswer(challenge: Challenge, request: HttpRequest): boolean {
    // A body that was streamed is gone: only a request that can be repeated is.
    if (request.body !== undefined && !(request.body instanceof Uint8Array)) return false;
    if (challenge.scheme === "bearer") return true;
    if (this.#basic() === undefined) throw noBasicCredentials(request.method, request.url);
    return true;
  }

  async #authorize(endpoint: Endpoint, request: HttpRequest, scopes: readonly string[]): Promise<HttpRequest> {
    // Uploads may go on at a place of the registry's choice: nothing of ours goes there.
    if (request.url.origin !== endpoint.base.origin) return { ...request, insecure: false };
    const value = await this.#header(endpoint, scopes, request.signal);
    return value === undefined ? request : { ...request, headers: { ...request.headers, authorization: value } };
  }

  async #header(endpoint: Endpoint, scopes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    if (this.#auth?.registrytoken) return `Bearer ${this.#auth.registrytoken}`;
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === "basic") return this.#basic();
    return `Bearer ${await this.#token(endpoint, this.#challenge, scopes, signal)}`;
  }

  #basic(): string | undefined {
    return basicHeader(this.#auth);
  }

  async #token(
    endpoint: Endpoint,
    challenge: Challenge,
    scopes: readonly string[],
    signal: AbortSignal,
  ): Promise<string> {
    const key = scopes.join(" ");
    const known = await this.#tokens.get(key)?.catch(() => undefined);
    if (known !== undefined && known.expires > performance.now()) return known.value;
    const fresh = this.#fetchToken(endpoint, challenge, scopes, signal);
    this.#tokens.set(key, fresh);
    return (await fresh).value;
  }

  async #fetchToken(
    endpoint: Endpoint,
    challenge: Challenge,
    scopes: readonly string[],
    signal: AbortSignal,
  ): Promise<Token> {
    const realm = realmOf(endpoint, challenge);
    const service = challenge.parameters.get("service") ?? "";
    const request = this.#auth?.identitytoken
      ? oauthRequest(realm, service, scopes, this.#auth.identitytoken)
      : this.#plainRequest(realm, service, scopes);
    const insecure = endpoint.insecure && realm.host === endpoint.base.host;
    const answer = await this.#transport.send({ ...request, insecure, signal });
    const body = new TextDecoder().decode(await answer.bytes(MAX_TOKEN_ANSWER));
    if (answer.status !== 200) throw registryError(request.method, realm, answer, body);
    return readToken(realm, body);
  }

  #plainRequest(realm: URL, service: string, scopes: readonly string[]): Omit<HttpRequest, "insecure" | "signal"> {
    const url = new URL(realm);
    if (service !== "") url.searchParams.set("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    const basic = this.#basic();
    if (this.#auth?.username) url.searchParams.set("account", this.#auth.username);
    return { method: "GET", url, headers: basic === undefined ? {} : { authorization: basic } };
  }
}

/** User and password as a header; undefined without a user. */
export function basicHeader(auth: RegistryAuth | undefined): string | undefined {
  const { username = "", password = "" } = auth ?? {};
  if (username === "") return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function oauthRequest(
  realm: URL,
  service: string,
  scopes: readonly string[],
  refreshToken: string,
): Omit<HttpRequest, "insecure" | "signal"> {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    service,
    client_id: CLIENT_ID,
    scope: scopes.join(" "),
    refresh_token: refreshToken,
  });
  return {
    method: "POST",
    url: realm,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new TextEncoder().encode(form.toString()),
  };
}

/** @throws invalid for a realm in plain http that is not the insecure registry itself. */
function realmOf(endpoint: Endpoint, challenge: Challenge): URL {
  const text = challenge.parameters.get("realm") ?? "";
  if (!URL.canParse(text)) throw badUrl(text);
  const realm = new URL(text);
  if (realm.protocol === "https:") return realm;
  const own = endpoint.insecure && realm.protocol === "http:" && realm.hostname === endpoint.base.hostname;
  if (!own) throw insecureRealm(text);
  return realm;
}

function readToken(realm: URL, body: string): Token {
  const answer = parseObject(body);
  const value = answer["token"] ?? answer["access_token"];
  if (typeof value !== "string" || value === "") {
    throw tokenMissing(realm);
  }
  const lifetime = typeof answer["expires_in"] === "number" ? answer["expires_in"] : 0;
  const seconds = Math.max(lifetime, DEFAULT_LIFETIME_S) - SAFETY_S;
  return { value, expires: performance.now() + seconds * 1000 };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
