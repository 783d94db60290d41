import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { healthUrl, problemAt } from "../../../deploy/image/healthcheck.mjs";
import { execForm, only, parseDockerfile, type Stage } from "../../support/dockerfile.ts";
import { DOCKERFILE, keptPaths } from "../../support/image-build.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const textOf = (path: string) => readFileSync(join(ROOT, path), "utf8");
const stages = parseDockerfile(readFileSync(DOCKERFILE, "utf8"));
const runtime = stages.at(-1) as Stage;

test("every base image is pinned by its digest, and both bring the Node that Keyheat is tested with", () => {
  const bases = stages.map(({ base }) => base).filter((base) => !stages.some(({ name }) => name === base));
  assert.equal(bases.length, 2);
  for (const base of bases) assert.match(base, /^[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/);
  const { devDependencies } = JSON.parse(textOf("package.json"));
  assert.ok(bases[0]?.includes(`/node:${devDependencies.node}-`), bases[0]);
  assert.ok(bases[1]?.includes(`/nodejs${devDependencies.node.split(".")[0]}-`), bases[1]);
});

test("it runs as a user with a number, which Kubernetes can tell from root", () => {
  assert.equal(only(runtime, "USER").text, "65532:65532");
});

test("process 1 is Keyheat itself, without a shell that would keep its signals", () => {
  assert.deepEqual(execForm(only(runtime, "ENTRYPOINT")), ["/usr/local/bin/keyheat"]);
  assert.deepEqual(execForm(only(runtime, "CMD")), ["--help"]);
  assert.equal(execForm(only(runtime, "HEALTHCHECK"))[0], "/nodejs/bin/node");
  assert.equal(only(runtime, "STOPSIGNAL").text, "SIGTERM");
  assert.equal(textOf("deploy/image/keyheat").split("\n")[0], "#!/nodejs/bin/node");
});

test("docs/image.md names the image of this version", () => {
  const { version } = JSON.parse(textOf("package.json"));
  const named = textOf("docs/image.md").match(/ghcr\.io\/keyheat\/keyheat:[\w.-]+/g) ?? [];
  assert.ok(named.length > 5);
  assert.deepEqual([...new Set(named)], [`ghcr.io/keyheat/keyheat:${version}`]);
});

test("the last stage runs nothing, fetches nothing and gives away only its data folder", () => {
  const names = runtime.instructions.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => ["RUN", "ADD", "VOLUME", "SHELL", "ONBUILD"].includes(name)),
    [],
  );
  const owned = runtime.instructions.filter(({ flags }) => flags.chown !== undefined);
  assert.deepEqual(
    owned.map(({ text }) => text.split(" ").at(-1)),
    ["/var/lib/keyheat"],
  );
});

test("the builder gets what the Dockerfile copies, and nothing else", () => {
  const copies = stages.flatMap(({ instructions }) => instructions.filter(({ name }) => name === "COPY"));
  const fromContext = copies.filter(({ flags }) => flags.from === undefined);
  const copied = fromContext.flatMap(({ text }) => text.split(/\s+/).slice(0, -1));
  const kept = keptPaths(textOf(".dockerignore"));
  assert.deepEqual(
    copied.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
  const isKept = (path: string) => kept.some((one) => path === one || path.startsWith(`${one}/`));
  assert.deepEqual(
    copied.filter((path) => !isKept(path)),
    [],
  );
  assert.deepEqual(
    kept.filter((one) => !copied.some((path) => path === one || path.startsWith(`${one}/`))),
    [],
  );
});

test("the health check asks where the command listens, or where it is told", () => {
  const started = (...words: readonly string[]) =>
    ["/nodejs/bin/node", "/usr/local/bin/keyheat", ...words, ""].join("\0");
  const agent = started("agent", "--config", "/etc/keyheat/keyheat.yaml");
  assert.equal(healthUrl(agent, {}), "http://127.0.0.1:9379/healthz");
  assert.equal(healthUrl(started("aggregator", "--config", "x"), {}), "http://127.0.0.1:9380/healthz");
  assert.equal(healthUrl(started("standalone"), { KEYHEAT_HEALTH_URL: "" }), "http://127.0.0.1:9380/healthz");
  const told = { KEYHEAT_HEALTH_URL: "https://127.0.0.1:8443/healthz" };
  assert.equal(healthUrl(agent, told), "https://127.0.0.1:8443/healthz");
});

test("the health check tells an answer that is not 200, and none", async (t) => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/healthz" ? 200 : 503;
    response.end();
  });
  t.after(() => server.closeAllConnections());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
  assert.equal(await problemAt(`${url}/healthz`), null);
  assert.equal(await problemAt(`${url}/readyz`), `${url}/readyz answers 503`);
  await new Promise((resolve) => server.close(resolve));
  assert.match((await problemAt(`${url}/healthz`)) ?? "", /^no answer from http:.*ECONNREFUSED/);
});

test("a Dockerfile's lines are read with their flags and continuations; what is none is told", () => {
  const text =
    "# a comment\nFROM a@b AS one\nCOPY --from=x --chown=1:2 a b /c/\nRUN a && \\\n    b\nFROM one\nUSER 1:1\n";
  assert.deepEqual(parseDockerfile(text), [
    {
      name: "one",
      base: "a@b",
      instructions: [
        { name: "COPY", flags: { from: "x", chown: "1:2" }, text: "a b /c/" },
        { name: "RUN", flags: {}, text: "a && b" },
      ],
    },
    { name: "", base: "one", instructions: [{ name: "USER", flags: {}, text: "1:1" }] },
  ]);
  assert.throws(() => parseDockerfile("RUN x\n"), /before the first FROM/);
  assert.throws(() => parseDockerfile("FROM a AS b\nrun x\n"), /not an instruction: run x/);
  assert.throws(() => keptPaths("*\n!src\ntest"), /test is more than a path to keep/);
  assert.throws(() => keptPaths("node_modules\n"), /must leave out everything/);
});
