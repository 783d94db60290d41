import { createHmac } from "node:crypto";

const PREFIX = "whsec_";

/**
 * Makes a signer of messages by the Standard Webhooks specification: `v1,BASE64`, one for each secret, by spaces.
 *
 * `secrets`: one or several, separated by spaces (while one replaces another); each `whsec_BASE64`, or taken as it is.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signer(secrets: string): (id: string, timestamp: number, body: Uint8Array) => string {
  const keys = secrets
    .split(/\s+/)
    .filter((secret) => secret !== "")
    .map(keyOf);
  return (id, timestamp, body) =>
    keys
      .map((key) => createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64"))
      .map((signature) => `v1,${signature}`)
      .join(" ");
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), "base64")
    : Buffer.from(secret, "utf8");
}
