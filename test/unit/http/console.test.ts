import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { makeConfig, makeViews } from "./fake-views.ts";
import { ask, askRaw, startServer } from "./requests.ts";

const FOLDER = new URL("../../../src/http/console/", import.meta.url);
const SERVED = readdirSync(FOLDER).filter((name) => /\.(js|css|svg)$/.test(name));

test("the page and its files have their types, and nothing in them may run or be loaded from elsewhere", async (t) => {
  const { address } = await startServer(t);
  const types = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
  const paths = ["/", "/?incident=i-1", ...SERVED.map((name) => `/console/${name}`)];
  for (const path of paths) {
    const { status, headers } = await ask(address + path);
    assert.equal(status, 200, path);
    const ending = path.startsWith("/console/") ? path.slice(path.lastIndexOf(".") + 1) : "html";
    assert.ok(headers["content-type"]?.startsWith(types[ending as keyof typeof types]), path);
    const directives = `${headers["content-security-policy"]}`.split("; ");
    assert.equal(directives[0], "default-src 'none'", path);
    for (const directive of [
      "script-src 'self'",
      "style-src 'self'",
      "form-action 'none'",
      "base-uri 'none'",
    ]) {
      assert.ok(directives.includes(directive), `${path} lacks ${directive}`);
    }
    assert.ok(directives.includes("frame-ancestors 'none'"), path);
    assert.doesNotMatch(directives.join(), /unsafe|https?:|\*|data:/, path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["referrer-policy"], "no-referrer", path);
    assert.equal(headers["access-control-allow-origin"], undefined, path);
  }
});

test("the page names only files that are served, relative to where it is, and has no script or style of its own", async (t) => {
  const { address } = await startServer(t);
  const { text } = await ask(`${address}/`);
  const named = Array.from(text.matchAll(/(?:src|href)="([^"]+)"/g), ([, path]) => `${path}`);
  assert.ok(named.length >= 3);
  for (const path of named) {
    assert.match(path, /^[a-z][\w./-]*$/);
    assert.equal((await ask(`${address}/${path}`)).status, 200, path);
  }
  assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
});

test("no script of the page turns text into markup, and each import is served", () => {
  for (const name of SERVED.filter((one) => one.endsWith(".js"))) {
    const text = readFileSync(new URL(name, FOLDER), "utf8");
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|srcdoc|javascript:/,
      name,
    );
    for (const [, imported = ""] of text.matchAll(/^import .* from "\.\/([^"]+)"/gm)) {
      assert.ok(SERVED.includes(imported), `${name} imports ${imported}`);
    }
  }
});

test("nothing beside the files of the page is reachable", async (t) => {
  const { address } = await startServer(t);
  for (const path of [
    "/console",
    "/console/",
    "/index.html",
    "/console/index.html",
    "/console/shapes.d.ts",
    "/console/main.js/",
    "/console/main.js%00",
    "/console/MAIN.JS",
    "/console/../server.ts",
    "/console/%2e%2e/server.ts",
    "/console/..%2fserver.ts",
    "/console/..%5cserver.ts",
    "/console/....//server.ts",
    "/console//main.js",
    "//console/main.js",
    "/console/%2e%2e%2f%2e%2e%2f%2e%2e%2fpackage.json",
    "/../package.json",
  ]) {
    const answer = await askRaw(
      address,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 40[04] /, path);
    assert.match(answer, /"code":"(NOT_FOUND|BAD_REQUEST)"/, path);
  }
  const posted = await ask(`${address}/`, { method: "POST" });
  assert.deepEqual([posted.status, posted.headers.allow], [405, "GET, HEAD"]);
});

test("the page needs no token and may be linked to from other sites, but only under an allowed name", async (t) => {
  for (const config of [makeConfig(), makeConfig({ auth: { token: "s3cret" } })]) {
    const { address } = await startServer(t, { config });
    for (const path of ["/", "/console/main.js"]) {
      const linked = await ask(address + path, { headers: { "sec-fetch-site": "cross-site" } });
      assert.equal(linked.status, 200, path);
      const rebound = await ask(address + path, { headers: { host: "evil.example" } });
      assert.deepEqual([rebound.status, rebound.json().error.code], [403, "HOST_REFUSED"], path);
    }
  }
});

test("the page holds nothing of what the API tells", async (t) => {
  const views = makeViews({
    incidents: () => assert.fail("the page asked for incidents"),
    hotkeys: () => assert.fail("the page asked for hot keys"),
    coverage: () => assert.fail("the page asked for coverage"),
  });
  const { address } = await startServer(t, { views });
  assert.equal((await ask(`${address}/`)).status, 200);
});
