import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { startRedisServer } from "../../src/cli/demo/own-server.ts";
import { findRedisServer, RedisServerError } from "../../src/cli/demo/redis-server.ts";
import { command, freePort, load, redisServer, startRedis, startReplica, waitFor } from "../support/redis.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "keyheat-test-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The PATH without the folders that hold a server, as on a machine without one. */
function pathWithoutServer(): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const holdsOne = (path: string) =>
    ["redis-server", "valkey-server"].some((name) => existsSync(join(path, name)));
  return folders.filter((path) => !holdsOne(path)).join(delimiter);
}

async function program(path: string, script: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

test("a server of the PATH is taken before any other, one that does not run is passed over", async (t) => {
  const path = await folder(t);
  await program(join(path, "redis-server"), "exit 127");
  await program(
    join(path, "valkey-server"),
    'echo "Valkey server v=9.1.2 sha=00000000:0 malloc=libc bits=64"',
  );
  const server = await findRedisServer({ env: { PATH: path }, cacheFolder: join(path, "cache") });
  assert.deepEqual(server, {
    path: join(path, "valkey-server"),
    env: {},
    version: "9.1.2",
    flavor: "valkey",
    origin: "path",
  });
});

test("a machine without a server and without apt gets one line that says what to install", async (t) => {
  const path = await folder(t);
  await assert.rejects(
    findRedisServer({ env: { PATH: path, HOME: path } }),
    (error: unknown) =>
      error instanceof RedisServerError &&
      error.code === "NOT_FOUND" &&
      !error.message.includes("\n") &&
      error.message.includes("apt-get install redis-server"),
  );
});

const hasApt = existsSync("/usr/bin/apt-get") && existsSync("/usr/bin/dpkg-deb");

test("Debian's package is unpacked into the cache once, also by two at a time", {
  skip: !hasApt,
}, async (t) => {
  const cacheFolder = await folder(t);
  const lines: string[] = [];
  const options = {
    env: { ...process.env, PATH: pathWithoutServer() },
    cacheFolder,
    progress: (line: string) => lines.push(line),
  };
  const [first, second] = await Promise.all([findRedisServer(options), findRedisServer(options)]);
  assert.equal(first.origin, "debian");
  assert.equal(first.path, second.path);
  assert.match(first.version, /^\d+\.\d+\.\d+$/);
  assert.deepEqual(
    (await readdir(cacheFolder)).filter((name) => !name.startsWith("redis-")),
    [],
  );
  lines.length = 0;
  const third = await findRedisServer(options);
  assert.deepEqual([third.origin, third.path, lines], ["cache", first.path, []]);
  await using running = await startRedisServer({ server: third });
  assert.equal(await command(running.port, ["PING"]), "PONG");
});

test("a damaged folder in the cache is passed over", async (t) => {
  const cacheFolder = await folder(t);
  const real = await redisServer();
  await mkdir(join(cacheFolder, "redis-99.0/usr/bin"), { recursive: true });
  await writeFile(join(cacheFolder, "redis-99.0/unpacked.json"), "[");
  await mkdir(join(cacheFolder, "redis-1.0/usr/bin"), { recursive: true });
  await writeFile(join(cacheFolder, "redis-1.0/unpacked.json"), "[]");
  await program(join(cacheFolder, "redis-1.0/usr/bin/redis-server"), 'echo "Redis server v=1.0.0"');
  const server = await findRedisServer({ env: { PATH: "" }, cacheFolder });
  assert.equal(server.version, "1.0.0");
  assert.notEqual(server.path, real.path);
});

test("a server that is told nonsense fails with its own reason", async () => {
  const server = await redisServer();
  await assert.rejects(
    startRedisServer({ server, args: ["--no-such-setting", "1"] }),
    (error: unknown) => error instanceof RedisServerError && error.message.includes("no-such-setting"),
  );
});

test("stop ends the server, removes its folder, and the port is free again", async (t) => {
  const redis = await startRedis(t);
  const reply = await command(redis.port, ["CONFIG", "GET", "dir"]);
  const dir = Array.isArray(reply) ? String(reply[1]) : "";
  assert.ok(existsSync(dir));
  await redis.stop();
  await redis.stop();
  assert.equal(existsSync(dir), false);
  await assert.rejects(command(redis.port, ["PING"]), /ECONNREFUSED/);
  const again = await startRedis(t, { port: redis.port });
  assert.equal(await command(again.port, ["PING"]), "PONG");
});

test("a server ends soon after the process that started it was killed", async (t) => {
  const port = await freePort();
  const module = JSON.stringify(new URL("../../src/cli/demo/own-server.ts", import.meta.url).href);
  const script = `const { startRedisServer } = await import(${module});
    const { pid } = await startRedisServer({ port: ${port} }); console.log(pid);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", 2],
  });
  t.after(() => parent.kill("SIGKILL"));
  const [line]: Buffer[] = await once(parent.stdout ?? assert.fail("no pipe"), "data");
  const pid = Number(line?.toString());
  parent.kill("SIGKILL");
  await waitFor(
    "the server's end",
    () => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    },
    10_000,
  );
});

test("keys of any bytes go there and back, and errors are thrown with their code", async (t) => {
  const redis = await startRedis(t);
  const key = Buffer.from([0xff, 0x00, 0x0d, 0x0a, 0x20]);
  assert.equal(await command(redis.port, ["SET", key, "\u00e9"]), "OK");
  assert.deepEqual(await command(redis.port, ["KEYS", "*"]), [key]);
  assert.deepEqual(await command(redis.port, ["GET", key]), Buffer.from("\u00e9"));
  assert.equal(await command(redis.port, ["GET", "absent"]), null);
  await assert.rejects(command(redis.port, ["NONSENSE"]), { name: "ReplyError", code: "ERR" });
});

test("load sends exactly what it is told, at the pace it is told", async (t) => {
  const redis = await startRedis(t);
  const fast = await load(redis.port, 5000, () => ["INCR", "fast"]);
  let paced = await load(redis.port, 1000, () => ["INCR", "paced"], 2000);
  assert.equal(String(await command(redis.port, ["GET", "fast"])), "5000");
  assert.equal(String(await command(redis.port, ["GET", "paced"])), "1000");
  // A pause of the machine makes one of them late, not each.
  for (let i = 0; i < 5 && paced >= 900; i++)
    paced = await load(redis.port, 1000, () => ["INCR", "more"], 2000);
  assert.ok(paced > 450 && paced < 900, `1,000 at 2,000/s took ${paced} ms`);
  assert.ok(fast < 2000, `5,000 took ${fast} ms`);
  await assert.rejects(
    load(redis.port, 10, () => ["HGET", "fast", "field"]),
    { code: "WRONGTYPE" },
  );
});

test("a replica follows its primary", async (t) => {
  const primary = await startRedis(t);
  const replica = await startReplica(t, primary.port);
  await command(primary.port, ["SET", "k", "v"]);
  await waitFor("the write", async () => String(await command(replica.port, ["GET", "k"])) === "v");
});

test("the programs that fetch a server are looked for on the given PATH only", async (t) => {
  const path = await folder(t);
  await symlink("/bin/sh", join(path, "sh"));
  await program(join(path, "apt-get"), "echo 'E: no network' >&2; exit 100");
  await assert.rejects(findRedisServer({ env: { PATH: path }, cacheFolder: path }), /E: no network/);
});
