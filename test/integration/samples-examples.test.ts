import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { BODY_BYTES_MAX } from "../../src/http/body-reader.ts";
import { decodeBatch } from "../../src/sources/samples/decode.ts";
import type { Sample, SampleBatch } from "../../src/sources/samples/sample.ts";
import { freePort } from "../support/redis.ts";
import { runProgram, type Toolchain, whyNot } from "../support/toolchains.ts";
import { type ReceivedRequest, startWebhook } from "../support/webhook.ts";

const PAGE = readFileSync(new URL("../../docs/samples.md", import.meta.url), "utf8");
const LINES_MAX = 30;
const COLUMNS_MAX = 120;
/** How far the agent's clock is ahead of the reporter's. */
const AHEAD_MS = 90_500;
/** Granted to a busy machine. */
const TOLERANCE_MS = 5000;
/** Not a word of any example: quote, line break, umlaut. */
const ODD_KEY = '"Größe"\n';

/** An example of the page, and a program around it. */
interface Example {
  readonly name: string;
  /** Of its blocks on the page. */
  readonly language: string;
  readonly toolchain: Toolchain;
  /** Where the page's block goes. */
  readonly path: string;
  readonly files: Readonly<Record<string, string>>;
  /** Run one after the other; the addresses of an agent, and of none, follow the last one. */
  readonly commands: readonly (readonly [string, ...string[]])[];
  readonly env?: Readonly<Record<string, string>>;
}

// Each program reports for 2 s, to an agent and to an address where there is none: user:1 is read 50 times and sought
// in vain twice, the odd key is written 5 times, and at last come more keys than there is room for.
const PYTHON: Example = {
  name: "Python",
  language: "python",
  toolchain: { probe: ["python3", "--version"], version: /Python (\d+)\.(\d+)/, oldest: [3, 8] },
  path: "reporter.py",
  files: {
    "main.py": `
import sys, time
from reporter import Reporter, READ, MISS, WRITE
reporters = [Reporter(agent, "shop-1") for agent in sys.argv[1:]]
def record(key, kind):
    for reporter in reporters: reporter.record(key, kind)
for turn in range(10):
    for _ in range(5): record(b"user:1", READ)
    if turn % 2 == 0: record(${JSON.stringify(ODD_KEY)}.encode(), WRITE)
    if turn % 5 == 0: record(b"user:1", MISS)
    time.sleep(0.2)
for n in range(20_000): record(b"flood:%d" % n, READ)
for reporter in reporters: reporter.stop()
`,
  },
  commands: [["python3", "main.py"]],
};

const GO: Example = {
  name: "Go",
  language: "go",
  toolchain: { probe: ["go", "version"], version: /go(\d+)\.(\d+)/, oldest: [1, 24] },
  path: "keyheat/reporter.go",
  files: {
    "go.mod": "module example\n\ngo 1.24\n",
    "main.go": `
package main

import ("example/keyheat"; "fmt"; "os"; "time")

func main() {
	reporters := []*keyheat.Reporter{}
	for _, agent := range os.Args[1:] { reporters = append(reporters, keyheat.Start(agent, "shop-1")) }
	record := func(key string, kind int) { for _, r := range reporters { r.Record(key, kind) } }
	for turn := 0; turn < 10; turn++ {
		for i := 0; i < 5; i++ { record("user:1", keyheat.Read) }
		if turn%2 == 0 { record(${JSON.stringify(ODD_KEY)}, keyheat.Write) }
		if turn%5 == 0 { record("user:1", keyheat.Miss) }
		time.Sleep(200 * time.Millisecond)
	}
	for n := 0; n < 20000; n++ { record(fmt.Sprint("flood:", n), keyheat.Read) }
	for _, r := range reporters { r.Stop() }
}
`,
  },
  commands: [["go", "run", "."]],
  env: {
    GOFLAGS: "-mod=mod",
    GOPROXY: "off",
    GOTOOLCHAIN: "local",
    CGO_ENABLED: "0",
    // Kept from run to run: without it each run would compile Go's own library first.
    GOCACHE: join(tmpdir(), "keyheat-go-build"),
  },
};

const JAVA: Example = {
  name: "Java",
  language: "java",
  toolchain: { probe: ["javac", "-version"], version: /javac (\d+)(?:\.(\d+))?/, oldest: [17, 0] },
  path: "Reporter.java",
  files: {
    "Main.java": `
import com.sun.net.httpserver.HttpServer;
import java.net.*;
import java.net.http.*;
import java.util.*;

public class Main {
    public static void main(String[] agents) throws Exception {
        loadClient();
        List<Reporter> reporters = new ArrayList<>();
        for (String agent : agents) reporters.add(new Reporter(agent, "shop-1"));
        for (int turn = 0; turn < 10; turn++) {
            for (Reporter reporter : reporters) {
                for (int i = 0; i < 5; i++) reporter.record("user:1", Reporter.Kind.READ);
                if (turn % 2 == 0) reporter.record(${JSON.stringify(ODD_KEY)}, Reporter.Kind.WRITE);
                if (turn % 5 == 0) reporter.record("user:1", Reporter.Kind.MISS);
            }
            Thread.sleep(200);
        }
        for (int n = 0; n < 20000; n++)
            for (Reporter reporter : reporters) reporter.record("flood:" + n, Reporter.Kind.READ);
        for (Reporter reporter : reporters) reporter.close();
    }

    /** On a busy machine the first request of a JVM takes longer than the reporter waits for an answer. */
    static void loadClient() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> { exchange.sendResponseHeaders(202, -1); exchange.close(); });
        server.start();
        URI address = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
        HttpRequest request = HttpRequest.newBuilder(address).POST(HttpRequest.BodyPublishers.ofString("{}")).build();
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        server.stop(0);
    }
}
`,
  },
  commands: [
    ["javac", "-encoding", "UTF-8", "Reporter.java", "Main.java"],
    ["java", "-cp", ".", "Main"],
  ],
};

for (const example of [PYTHON, GO, JAVA]) {
  test(`the reporter in ${example.name} is short, and reports each access once, until its goodbye`, async (t) => {
    const [code = ""] = blocks(example.language);
    assert.ok(linesOfCode(code).length <= LINES_MAX, `${linesOfCode(code).length} lines`);
    for (const line of code.split("\n")) {
      assert.ok(line.replaceAll("\t", "    ").length <= COLUMNS_MAX, line);
    }
    if (isMissing(t, example.toolchain)) return;
    const agent = await startWebhook(t, (_request, n) => (n === 1 ? "hang" : answer()));
    const folder = folderOf(t, { ...example.files, [example.path]: code });
    const addresses = [`127.0.0.1:${agent.port}`, `127.0.0.1:${await freePort()}`];
    for (const [index, command] of example.commands.entries()) {
      const isLast = index === example.commands.length - 1;
      const { code, output } = await runProgram(t, isLast ? [...command, ...addresses] : command, {
        cwd: folder,
        ...(example.env && { env: example.env }),
      });
      assert.equal(code, 0, output);
      assert.doesNotMatch(output, /error|exception|panic|traceback/i);
    }
    checkSeries(agent.requests);
    checkTotals(agent.requests.map(batchOf));
  });
}

test("the line to try it by hand posts a batch, and its answer is shown", async (t) => {
  const [line = ""] = blocks("sh");
  if (isMissing(t, { probe: ["curl", "--version"], version: /curl (\d+)\.(\d+)/, oldest: [7, 0] })) return;
  const agent = await startWebhook(t, answer);
  const command = line.replace("127.0.0.1:9380", `127.0.0.1:${agent.port}`);
  const { code, output } = await runProgram(t, ["sh", "-c", command], { cwd: tmpdir() });
  assert.equal(code, 0, output);
  assert.match(output, /^HTTP\/1\.1 202 /m);
  assert.equal(agent.requests.length, 1);
  assert.deepEqual(batchOf(agent.requests[0]!).samples.map(countsOf), [["user:1", 5000, 0, 0]]);
});

test("the page's example of a body is one that the agent takes", () => {
  const [body = ""] = blocks("json");
  const decoded = decodeBatch(Buffer.from(body));
  assert.ok("batch" in decoded, JSON.stringify(decoded));
  assert.equal(decoded.batch.samples.length, 2);
});

/** What the page shows of a language, in order. */
function blocks(language: string): string[] {
  return Array.from(PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm))
    .filter(([, name]) => name === language)
    .map(([, , code = ""]) => code);
}

/** All but imports, empty lines, and those that only close a bracket. */
function linesOfCode(code: string): string[] {
  return code.split("\n").filter((line) => !/^\s*[)\]}]*$|^(?:import|package) /.test(line));
}

function isMissing(t: TestContext, toolchain: Toolchain): boolean {
  const reason = whyNot(toolchain);
  if (reason === null) return false;
  console.warn(`NOT TESTED: ${t.name}: ${reason}`);
  t.skip(reason);
  return true;
}

function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-example-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

function answer() {
  const body = JSON.stringify({ accepted: 1, dropped: 0, nowMs: Date.now() + AHEAD_MS });
  return { status: 202, headers: { "content-type": "application/json" }, body };
}

function batchOf({ body }: ReceivedRequest): SampleBatch {
  const decoded = decodeBatch(body);
  assert.ok("batch" in decoded, `${JSON.stringify(decoded)} in ${body.toString("utf8").slice(0, 500)}`);
  return decoded.batch;
}

/** One instance, numbers without a gap, whole seconds of the agent's clock, a goodbye at the end. */
function checkSeries(requests: readonly ReceivedRequest[]): void {
  assert.ok(requests.length >= 3, `${requests.length} batches`);
  const first = batchOf(requests[0]!);
  assert.ok((first.instance ?? "").length >= 16);
  for (const [index, request] of requests.entries()) {
    assert.equal(`${request.method} ${request.path}`, "POST /v1/samples");
    assert.equal(request.headers["content-type"], "application/json");
    assert.ok(request.body.length <= BODY_BYTES_MAX, `${request.body.length} bytes`);
    const { service, instance, seq, span, goodbye } = batchOf(request);
    assert.deepEqual([service, instance, seq], ["shop-1", first.instance, index + 1]);
    assert.equal(goodbye, index === requests.length - 1);
    assert.ok(span);
    assert.equal(span.endMs % 1000, 0);
    assert.equal(span.endMs - span.startMs, 1000);
    // It learns the agent's time from the first answer.
    const errorMs = span.endMs - request.atMs - (index === 0 ? 0 : AHEAD_MS);
    assert.ok(Math.abs(errorMs) < TOLERANCE_MS, `batch ${index + 1} is ${errorMs} ms off`);
  }
}

function checkTotals(batches: readonly SampleBatch[]): void {
  const totals = new Map<string, [reads: number, writes: number, misses: number]>();
  for (const [key, ...counts] of batches.flatMap(({ samples }) => samples.map(countsOf))) {
    const [reads, writes, misses] = totals.get(key) ?? [0, 0, 0];
    totals.set(key, [reads + counts[0], writes + counts[1], misses + counts[2]]);
  }
  assert.deepEqual(totals.get("user:1"), [52, 0, 2]);
  assert.deepEqual(totals.get(ODD_KEY), [0, 5, 0]);
  const floods = totals.size - 2;
  // There is room for 800 keys or 2,000, in the last batch or the last two.
  assert.ok(floods > 700 && floods <= 4000, `${floods} other keys`);
}

function countsOf({ key, reads, writes, misses }: Sample): [string, number, number, number] {
  return [Buffer.from(key, "latin1").toString("utf8"), reads, writes, misses];
}
