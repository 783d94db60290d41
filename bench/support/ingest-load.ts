import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What the load is: sent by the parent as the one argument, in JSON. */
export interface LoadOptions {
  readonly url: string;
  readonly services: number;
  readonly instancesPerService: number;
  readonly samplesPerBatch: number;
  readonly keys: number;
}

/** What has been posted and answered so far. */
export interface LoadProgress {
  readonly connected: number;
  readonly posted: number;
  readonly answered: number;
  readonly accepted: number;
  /** Answers other than 202, and connections that broke. */
  readonly failed: number;
  /** Posts left out since the one before had no answer yet: no client has two under way. */
  readonly skipped: number;
  /** A second's posts that were sent later than their second, at worst, in ms. */
  readonly worstLagMs: number;
}

const TICK_MS = 10;
const CONNECTING_AT_ONCE = 200;

/**
 * Instances that post a batch each second over a connection each, at moments spread over the second, as a process of its
 * own: it answers each message with its progress, and ends when its parent disconnects.
 */
class IngestLoad {
  readonly #options: LoadOptions;
  readonly #instances: Instance[] = [];
  posted = 0;
  answered = 0;
  accepted = 0;
  failed = 0;
  skipped = 0;
  worstLagMs = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  get connected(): number {
    return this.#instances.length;
  }

  async connect(): Promise<void> {
    const { services, instancesPerService } = this.#options;
    const wanted = services * instancesPerService;
    for (let from = 0; from < wanted; from += CONNECTING_AT_ONCE) {
      const count = Math.min(CONNECTING_AT_ONCE, wanted - from);
      const opened = Array.from({ length: count }, (_, i) => this.#open(from + i));
      this.#instances.push(...(await Promise.all(opened)));
    }
  }

  /** Until the process ends. */
  async run(): Promise<void> {
    const startMs = Date.now();
    const perTick = (this.#instances.length * TICK_MS) / 1000;
    for (let tick = 1; process.connected; tick++) {
      const dueMs = startMs + tick * TICK_MS;
      const lagMs = Date.now() - dueMs;
      if (lagMs < 0) await sleep(-lagMs);
      this.worstLagMs = Math.max(this.worstLagMs, lagMs);
      for (let i = Math.floor((tick - 1) * perTick); i < Math.floor(tick * perTick); i++) {
        this.#post(this.#instances[i % this.#instances.length]!);
      }
    }
  }

  #open(index: number): Promise<Instance> {
    const { url, services, samplesPerBatch, keys } = this.#options;
    const { hostname, port } = new URL(url);
    const samples = Array.from({ length: samplesPerBatch }, (_, i) => ({
      key: `user:${(index * 7919 + i * i * 104_729) % keys}:profile`,
      reads: 1 + ((index + i) % 50),
      writes: i % 3,
      bytes: 4096,
      commands: { get: 1 + ((index + i) % 50) },
    }));
    const socket = connect(Number(port), hostname);
    const instance: Instance = {
      socket,
      head: `{"service":"service-${index % services}","instance":"pod-${index}","seq":`,
      tail: `,"samples":${JSON.stringify(samples)}}`,
      seq: 0,
      isWaiting: false,
      rest: "",
    };
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#read(instance, text));
    socket.on("close", () => {
      this.failed++;
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        socket.on("error", () => {});
        resolve(instance);
      });
    });
  }

  #post(instance: Instance): void {
    if (instance.isWaiting) {
      this.skipped++;
      return;
    }
    instance.isWaiting = true;
    const endMs = Date.now();
    const body = `${instance.head}${instance.seq++},"startMs":${endMs - 1000},"endMs":${endMs}${instance.tail}`;
    const head = "POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    instance.socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    this.posted++;
  }

  #read(instance: Instance, text: string): void {
    instance.rest += text;
    // Its body is short and ends with a brace.
    if (!instance.rest.endsWith("}")) return;
    const accepted = /"accepted":(\d+)/.exec(instance.rest)?.[1];
    if (!instance.rest.startsWith("HTTP/1.1 202 ") || accepted === undefined) this.failed++;
    else this.accepted += Number(accepted);
    this.answered++;
    instance.rest = "";
    instance.isWaiting = false;
  }
}

interface Instance {
  readonly socket: Socket;
  readonly head: string;
  readonly tail: string;
  seq: number;
  isWaiting: boolean;
  /** Of an answer that has not come in full. */
  rest: string;
}

const load = new IngestLoad(JSON.parse(process.argv[2] ?? "{}") as LoadOptions);
process.on("message", () => {
  const { connected, posted, answered, accepted, failed, skipped, worstLagMs } = load;
  const progress: LoadProgress = { connected, posted, answered, accepted, failed, skipped, worstLagMs };
  process.send?.(progress);
});
process.on("disconnect", () => process.exit());
await load.connect();
await load.run();
