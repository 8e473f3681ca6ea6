import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { output } from "./process.ts";

/** Whether certificates can be made here; says so when not. */
export async function hasOpenssl(): Promise<boolean> {
  const there = await output("openssl", ["version"]).then(
    () => true,
    () => false,
  );
  if (!there) console.log("skipped: TLS, because there is no openssl to make certificates with");
  return there;
}

const NEW_KEY = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];

/**
 * Makes `NAME.pem` and `NAME.key` in the folder: `ca`, an authority, that has signed those of `server` (for 127.0.0.1) and
 * `client`; `other`, another authority, that has signed those of `stranger`.
 */
export async function makeCertificates(folder: string): Promise<void> {
  for (const authority of ["ca", "other"]) {
    await openssl(folder, authority, ["-subj", "/CN=authority"]);
  }
  await openssl(folder, "server", signedBy("ca", "serverAuth"));
  await openssl(folder, "client", signedBy("ca", "clientAuth"));
  await openssl(folder, "stranger", signedBy("other", "clientAuth"));
}

function signedBy(authority: string, usage: string): string[] {
  const extensions = [
    "basicConstraints=critical,CA:FALSE",
    "subjectAltName=IP:127.0.0.1,DNS:localhost",
    `extendedKeyUsage=${usage}`,
  ];
  const files = ["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-subj", "/CN=localhost"];
  return [...files, ...extensions.flatMap((extension) => ["-addext", extension])];
}

async function openssl(folder: string, name: string, options: readonly string[]): Promise<void> {
  await output("openssl", [...NEW_KEY, "-keyout", `${name}.key`, "-out", `${name}.pem`, ...options], { cwd: folder });
}

/** The flags of a daemon that serves only clients with a certificate of `ca`, or of such a client by its name. */
export function tlsFlags(folder: string, name = "server", authority = "ca"): string[] {
  const file = (part: string) => join(folder, part);
  return [
    "--tlsverify",
    `--tlscacert=${file(`${authority}.pem`)}`,
    `--tlscert=${file(`${name}.pem`)}`,
    `--tlskey=${file(`${name}.key`)}`,
  ];
}

/** A folder with a certificate under the names that Docker's clients look for; gives its path. */
export async function certificateFolder(folder: string, name: string): Promise<string> {
  const made = join(folder, `for-${name}`);
  await mkdir(made);
  const names = { "ca.pem": "ca.pem", "cert.pem": `${name}.pem`, "key.pem": `${name}.key` };
  for (const [link, target] of Object.entries(names)) await symlink(join("..", target), join(made, link));
  return made;
}
