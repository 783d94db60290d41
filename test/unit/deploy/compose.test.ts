import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { packageVersion } from "../../../src/runtime/version.ts";
import { judgeFlags } from "../../../src/sources/keyspace/flags.ts";
import { composeFile, mountedText, mountsOf, ROOT } from "../../support/compose-file.ts";

const { services, volumes } = composeFile();
const all = Object.entries(services);
const OWN_IMAGE = "ghcr.io/keyheat/keyheat";
const KEYHEAT_CONFIG = "/etc/keyheat/keyheat.yaml";
/** It writes its configuration into its image's folders. */
const WRITABLE = ["kafka"];

/** Services that run Keyheat with a config. */
const configured = all.filter(([, service]) =>
  mountsOf(service).some(({ target }) => target === KEYHEAT_CONFIG),
);

/** Names of hosts in a text: `kafka:9092`, `http://alertmanager:9093`. */
function hostsIn(text: string): string[] {
  return Array.from(text.matchAll(/([a-z][a-z0-9-]*):\d{4,5}\b/g), ([, host = ""]) => host);
}

test("it has every part, two of what is there for the loss of one", () => {
  assert.deepEqual(Object.keys(services).sort(), [
    "agent-1",
    "agent-2",
    "aggregator-1",
    "aggregator-2",
    "alertmanager",
    "create-cluster",
    "grafana",
    "kafka",
    "load",
    "otel-collector",
    "prometheus",
    "topics",
    "valkey-1",
    "valkey-2",
    "valkey-3",
  ]);
});

test("images of others are pinned by tag and digest, Keyheat's is of this version and can be built", () => {
  for (const [name, { image, build }] of all) {
    if (image.startsWith(OWN_IMAGE)) {
      assert.equal(image, `${OWN_IMAGE}:${packageVersion()}`, name);
      assert.equal(build?.dockerfile, "deploy/image/Dockerfile", name);
    } else {
      assert.match(image, /^docker\.io\/[a-z/-]+:v?\d+\.\d+\.\d+(-alpine)?@sha256:[0-9a-f]{64}$/, name);
    }
  }
});

test("every container is held down: no capabilities, no new privileges, limited memory, nothing to write on", () => {
  for (const [name, service] of all) {
    assert.deepEqual(service.cap_drop, ["ALL"], name);
    assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
    assert.match(service.mem_limit ?? "", /^\d+m$/, name);
    assert.equal(service.privileged, undefined, name);
    assert.equal(service.read_only ?? false, !WRITABLE.includes(name), name);
  }
});

test("ports are published on this machine only, each once", () => {
  const ports = all.flatMap(([, service]) => service.ports ?? []);
  assert.ok(ports.length > 0);
  for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
  const published = ports.map((port) => port.split(":")[1]);
  assert.equal(new Set(published).size, published.length);
});

test("every mounted file is there and is read only, every named volume is declared", () => {
  for (const [name, service] of all) {
    for (const { source, mode, isBind } of mountsOf(service)) {
      if (isBind) assert.ok(existsSync(join(ROOT, source)), `${name}: there is no ${source}`);
      else assert.ok(source in volumes, `${name}: no volume ${source}`);
      assert.equal(mode, isBind ? "ro" : "rw", `${name}: ${source}`);
    }
  }
});

test("every file of deploy/compose is mounted somewhere", () => {
  const mounted = new Set(all.flatMap(([, service]) => mountsOf(service).map(({ source }) => source)));
  const files = readdirSync(join(ROOT, "deploy/compose"), { recursive: true, withFileTypes: true });
  for (const file of files.filter((one) => one.isFile())) {
    const path = join(file.parentPath, file.name).slice(ROOT.length);
    assert.ok(mounted.has(path), path);
  }
});

test("what one waits for is there, and can be waited for", () => {
  for (const [name, { depends_on = {} }] of all) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const needed = services[other];
      assert.ok(needed, `${name} waits for ${other}`);
      const { restart, healthcheck } = needed;
      if (condition === "service_completed_successfully") assert.equal(restart, "no", other);
      else if (condition === "service_healthy") assert.ok((healthcheck?.test ?? []).length > 1, other);
      else assert.fail(`${name}: ${condition}`);
    }
  }
});

test("somebody waits for the end of whatever ends: `up --wait` takes it for a failure otherwise", () => {
  const awaited = all.flatMap(([, { depends_on = {} }]) =>
    Object.entries(depends_on).flatMap(([other, { condition }]) =>
      condition === "service_completed_successfully" ? [other] : [],
    ),
  );
  const once = all.filter(([, { restart }]) => restart === "no").map(([name]) => name);
  assert.deepEqual([...new Set(awaited)].sort(), once.sort());
});

test("what runs for ever is started again, and says whether it is well where it can", () => {
  const silent = all.filter(([, service]) => service.healthcheck?.test === undefined).map(([name]) => name);
  assert.deepEqual(silent.sort(), ["create-cluster", "load", "otel-collector", "topics"]);
  const once = all.filter(([, { restart }]) => restart !== "unless-stopped").map(([name]) => name);
  assert.deepEqual(once.sort(), ["create-cluster", "topics"]);
});

test("every host that a config or a command names is a service", () => {
  const texts = all.flatMap(([, service]) => [
    ...(service.command ?? []),
    ...Object.values(service.environment ?? {}).map(String),
    ...mountsOf(service)
      .filter(({ source }) => source.startsWith("deploy/compose/") && /\.ya?ml$/.test(source))
      .map(({ target }) => mountedText(service, target)),
  ]);
  const hosts = new Set(texts.flatMap(hostsIn));
  assert.ok(hosts.has("kafka") && hosts.has("agent-1") && hosts.has("valkey-3"));
  for (const host of hosts) assert.ok(host in services, `no service ${host}`);
});

test("who is asked for its metrics takes the name it is asked by, and has them", () => {
  const prometheus = services.prometheus;
  assert.ok(prometheus);
  const { scrape_configs } = parse(mountedText(prometheus, "/etc/prometheus/prometheus.yml")) as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  const targets = scrape_configs.flatMap(({ static_configs }) =>
    static_configs.flatMap((one) => one.targets),
  );
  const running = configured.filter(([name]) => name !== "topics");
  assert.deepEqual(
    targets.map((target) => target.split(":")[0]).sort(),
    running.map(([name]) => name).sort(),
  );
  for (const target of targets) {
    const [name = "", port = ""] = target.split(":");
    const { http } = parse(mountedText(services[name]!, KEYHEAT_CONFIG)) as {
      http: { listen: string; hosts: string[] };
    };
    assert.ok(http.hosts.includes(name), target);
    assert.equal(http.listen, `0.0.0.0:${port}`);
  }
});

test("the agents share the servers: each has one agent", () => {
  const listed = configured.flatMap(([, service]) => {
    const { targets = [] } = parse(mountedText(service, KEYHEAT_CONFIG)) as { targets?: { url: string }[] };
    return targets.map(({ url }) => new URL(url).hostname);
  });
  assert.deepEqual(
    listed.sort(),
    Object.keys(services)
      .filter((name) => name.startsWith("valkey-"))
      .sort(),
  );
});

test("the servers publish all that Keyheat wants of a server of their version", () => {
  const conf = readFileSync(join(ROOT, "deploy/compose/valkey.conf"), "utf8");
  const [, flags = ""] = /^notify-keyspace-events (\S+)$/m.exec(conf) ?? [];
  const [, major, minor] = /valkey:(\d+)\.(\d+)/.exec(services["valkey-1"]?.image ?? "") ?? [];
  const version = [Number(major), Number(minor)] as const;
  const verdict = judgeFlags(flags, "E", "primary", { flavor: "valkey", version });
  assert.deepEqual(verdict, { kind: "ok", seesMisses: true });
});
