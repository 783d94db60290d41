import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createListener } from "../../../src/http/listener.ts";
import { makeConfig } from "./fake-views.ts";
import { startServer } from "./requests.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

function selfSigned(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-"));
  try {
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync(
      "openssl",
      ["req", "-x509", ...curve, "-keyout", key, "-out", cert, "-days", "2", ...subject],
      {
        stdio: "ignore",
      },
    );
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("with a certificate the server speaks HTTPS", { skip: !hasOpenssl && "needs openssl" }, async (t) => {
  const tls = selfSigned();
  const { address } = await startServer(t, { config: makeConfig({ tls }) });
  assert.match(address, /^https:\/\/127\.0\.0\.1:\d+$/);
  const status = await new Promise((resolve, reject) => {
    const sent = request(`${address}/healthz`, { ca: tls.cert, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject);
    sent.end();
  });
  assert.equal(status, 200);
});

test("time and connections have limits", () => {
  const server = createListener(undefined, () => {});
  const { headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxConnections } = server;
  assert.ok(headersTimeout > 0 && headersTimeout <= 10_000);
  assert.ok(requestTimeout >= headersTimeout && requestTimeout <= 30_000);
  assert.ok(keepAliveTimeout > 0 && timeout > keepAliveTimeout);
  assert.ok(maxConnections > 64);
});
