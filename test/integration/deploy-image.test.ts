import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { addBase, Container, type ContainerOptions, whyNoContainer } from "../support/container.ts";
import { execForm, only } from "../support/dockerfile.ts";
import { type BuiltImage, buildImage } from "../support/image-build.ts";
import { freePort, startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const MEBIBYTE = 1024 * 1024;
/** The base has some 150 MB, most of it Node; both together are to stay below 200 MB. */
const CONTENT_BYTES_MAX = 40 * MEBIBYTE;
const STOP_MS_MAX = 5000;
const UP_MS_MAX = 60_000;

/** What only a build needs. */
const NOT_IN_IMAGE =
  /(?:^|\/)node_modules\/(?:node|typescript|@typescript|@types|@biomejs|playwright-core|fast-check)\/|\.map$|(?<!\/node_modules\/.*)\.ts$/;

const work = mkdtempSync(join(tmpdir(), "keyheat-image-"));
let image: BuiltImage;
let content: readonly string[];

describe("the image", { skip: whyNoContainer() ?? false }, () => {
  before(() => {
    image = buildImage(work);
    content = filesUnder(image.root);
    addBase(image.root);
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  test("has what Keyheat runs with, nothing that only builds it, and is small", (t) => {
    const bytes = content.reduce((sum, file) => sum + statSync(join(image.root, file)).size, 0);
    t.diagnostic(`${content.length} files, ${(bytes / MEBIBYTE).toFixed(1)} MiB besides the base`);
    assert.ok(bytes < CONTENT_BYTES_MAX, `${bytes} bytes`);
    assert.deepEqual(
      content.filter((file) => NOT_IN_IMAGE.test(file)),
      [],
    );
    for (const file of ["LICENSE", "NOTICE", "config/standalone.yaml", "dist/http/console/index.html"]) {
      assert.ok(content.includes(`opt/keyheat/${file}`), file);
    }
  });

  test("lists every package in it as a bill of materials, and no other", () => {
    const { components, metadata } = JSON.parse(
      readFileSync(join(image.root, "usr/share/doc/keyheat/sbom.cdx.json"), "utf8"),
    );
    const listed = components.map(({ "bom-ref": ref }: { readonly "bom-ref": string }) => ref);
    assert.deepEqual([...new Set(listed)].sort(), installedPackages());
    assert.equal(metadata.component.name, "keyheat");
  });

  test("says its version and its help as it is started, unprivileged and read-only", async (t) => {
    const { version } = JSON.parse(readFileSync(join(image.root, "opt/keyheat/package.json"), "utf8"));
    const told = startImage(t, ["--version"]);
    assert.equal(await told.ended(), 0, told.output);
    assert.equal(told.output, `${version}\n`);
    const help = startImage(t);
    assert.equal(await help.ended(), 0, help.output);
    assert.match(help.output, /^Usage: keyheat/);
  });

  test("runs an agent beside a Kafka that is away: it is healthy without the token, and keeps no file", async (t) => {
    const redis = await startRedis(t, { args: ["--notify-keyspace-events", "Eg$lshztm"] });
    const port = await freePort();
    const agent = startImage(t, ["agent", "--config", "/etc/keyheat/keyheat.yaml"], {
      config: {
        targets: [{ url: redis.url }],
        kafka: { brokers: [`127.0.0.1:${await freePort()}`] },
        http: { listen: `0.0.0.0:${port}`, auth: { tokenFile: "/etc/keyheat/secrets/token" } },
      },
      secrets: { token: "a-token-of-this-test\n" },
    });
    const url = `http://127.0.0.1:${port}`;
    await isUp(agent, `${url}/healthz`);
    await isHealthy(agent, `${url}/healthz`);
    const samples = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    assert.equal((await fetch(`${url}/v1/samples`, samples)).status, 401);

    const { code, tookMs } = await agent.stop("SIGTERM");
    assert.equal(code, 0, agent.output);
    assert.ok(tookMs < STOP_MS_MAX, `it took ${tookMs} ms`);
    assert.deepEqual(readdirSync(agent.data), []);
  });

  test("runs a standalone: it is healthy, writes nothing but its data, and SIGTERM ends it at once", async (t) => {
    const redis = await startRedis(t, { args: ["--notify-keyspace-events", "Eg$lshztm"] });
    const port = await freePort();
    const config = { targets: [{ url: redis.url }], http: { listen: `127.0.0.1:${port}` } };
    const before = picture(image.root);
    const standalone = startImage(t, ["standalone", "--config", "/etc/keyheat/keyheat.yaml"], { config });
    const url = `http://127.0.0.1:${port}`;
    await isUp(standalone, `${url}/readyz`);
    await isHealthy(standalone, `${url}/healthz`);
    await isConfined(standalone);
    const top = await standalone.run(["keyheat", "top", "--once", "--url", url]);
    assert.equal(top.code, 0, top.output);

    const { code, tookMs } = await standalone.stop("SIGTERM");
    assert.equal(code, 0, standalone.output);
    assert.ok(tookMs < STOP_MS_MAX, `it took ${tookMs} ms`);
    assert.deepEqual(picture(image.root), before);
  });
});

interface Mounted {
  /** What `/etc/keyheat/keyheat.yaml` says. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Files of `/etc/keyheat/secrets`, by name. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Starts it as an engine does by ENTRYPOINT, CMD, USER, WORKDIR and ENV. */
function startImage(
  t: TestContext,
  args: readonly string[] = execForm(only(image.stage, "CMD")),
  { config = {}, secrets = {} }: Mounted = {},
): Container {
  const user = only(image.stage, "USER").text;
  const [key = "", value = ""] = only(image.stage, "ENV").text.split("=");
  const options: ContainerOptions = {
    root: image.root,
    command: [...execForm(only(image.stage, "ENTRYPOINT")), ...args],
    user,
    folder: only(image.stage, "WORKDIR").text,
    env: { [key]: value },
    config: mkdtempSync(join(work, "config-")),
    data: mkdtempSync(join(work, "data-")),
  };
  mount(options.config, config, secrets);
  const [uid = 0, gid = 0] = user.split(":").map(Number);
  if (process.getuid?.() === 0) chownSync(options.data, uid, gid);
  return new Container(t, options);
}

/** Writes what an unprivileged user finds in `/etc/keyheat`; JSON is YAML. */
function mount(folder: string, config: Mounted["config"], secrets: Readonly<Record<string, string>>): void {
  writeFileSync(join(folder, "keyheat.yaml"), JSON.stringify(config));
  mkdirSync(join(folder, "secrets"));
  for (const [name, text] of Object.entries(secrets)) writeFileSync(join(folder, "secrets", name), text);
  chmodSync(folder, 0o755);
}

/** Waits for the probe. Throws: Error with what it said meanwhile. */
async function isUp(container: Container, url: string): Promise<void> {
  try {
    await waitFor(`200 from ${url}`, async () => (await fetch(url)).ok, UP_MS_MAX);
  } catch (cause) {
    throw new Error(container.output, { cause });
  }
}

/** By the image's own HEALTHCHECK, which must also be able to say no. */
async function isHealthy(container: Container, url: string): Promise<void> {
  const check = execForm(only(image.stage, "HEALTHCHECK"));
  const well = await container.run(check, { KEYHEAT_HEALTH_URL: url });
  assert.equal(well.code, 0, well.output);
  const nobody = `http://127.0.0.1:${await freePort()}/healthz`;
  const { code, output } = await container.run(check, { KEYHEAT_HEALTH_URL: nobody });
  assert.equal(code, 1);
  assert.match(output, /^no answer from http:.*ECONNREFUSED/);
}

/** Neither its files nor those beside them can be written; process 1 is the program, and has no rights. */
async function isConfined(container: Container): Promise<void> {
  const tries =
    "for (const path of ['/opt/keyheat/x', '/tmp-x', '/usr/local/bin/keyheat']) try { fs.writeFileSync(path, ''); console.log(path) } catch (error) { console.log(error.code) }";
  const { output } = await container.run(["/nodejs/bin/node", "-e", tries]);
  assert.equal(output, "EROFS\nEROFS\nEROFS\n");
  const asked = await container.run([
    "/nodejs/bin/node",
    "-p",
    "fs.readFileSync('/proc/1/status', 'utf8') + fs.readFileSync('/proc/1/cmdline', 'utf8')",
  ]);
  assert.match(asked.output, /\/usr\/local\/bin\/keyheat\0standalone/);
  if (process.getuid?.() !== 0) return;
  assert.match(asked.output, /^Uid:\t65532\t65532\t65532\t65532$/m);
  assert.match(asked.output, /^CapEff:\t0+$/m);
  assert.match(asked.output, /^Groups:\t *$/m);
}

function filesUnder(root: string): readonly string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

/** Every file with its size and when it was written. */
function picture(root: string): readonly string[] {
  return filesUnder(root).map((file) => {
    const { size, mtimeMs } = statSync(join(root, file));
    return `${file} ${size} ${mtimeMs}`;
  });
}

/** `name@version` of all that lies in node_modules. */
function installedPackages(): readonly string[] {
  const manifests = content.filter((file) => /node_modules\/(?:@[^/]+\/)?[^/@]+\/package\.json$/.test(file));
  const names = manifests.map((file) => {
    const { name, version } = JSON.parse(readFileSync(join(image.root, file), "utf8"));
    return `${name}@${version}`;
  });
  return [...new Set(names)].sort();
}
