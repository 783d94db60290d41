import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext } from "node:test";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { applyCures } from "../../src/transport/kafka/cures.ts";
import { type Certificates, makeCertificates } from "./kafka/certificates.ts";
import { kafkaClasspath } from "./kafka/classpath.ts";
import { type JavaProgram, runJava, startJava } from "./kafka/java.ts";
import { type BrokerPlan, brokerSettings, SCRAM_MECHANISMS } from "./kafka/settings.ts";
import { freePort } from "./redis.ts";
import { type Toolchain, whyNot } from "./toolchains.ts";
import { waitFor } from "./wait.ts";

export interface KafkaOptions {
  /** Clients must say who they are (PLAIN, SCRAM-SHA-256 or -512): passwords by name. */
  readonly users?: Readonly<Record<string, string>>;
  /** Clients must speak TLS. */
  readonly tls?: boolean;
  /** Nobody may do anything but by ACLs, and those who come by `innerBrokers`. */
  readonly authorizer?: boolean;
}

/** A Kafka for tests: one node of our own, or the one of `KAFKA_BROKERS`. */
export interface TestKafka {
  readonly brokers: string[];
  /** The same broker, without TLS, password and ACLs: for setting something up. */
  readonly innerBrokers: string[];
  /** Of the authority that signed its certificate, where it speaks TLS. */
  readonly certificates: Certificates | null;
  /** Ends it as kill -9 does. */
  kill(): Promise<void>;
  /** Starts it again, with the same data and ports; resolves when it works. */
  start(): Promise<void>;
  /** Holds it: it answers nobody, and nobody's connection breaks. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its data. May be called again. */
  stop(): Promise<void>;
}

const JAVA: Toolchain = {
  probe: ["java", "-version"],
  version: /version "(\d+)(?:\.(\d+))?/,
  oldest: [17, 0],
};
const MAVEN: Toolchain = {
  probe: ["mvn", "--version"],
  version: /Apache Maven (\d+)\.(\d+)/,
  oldest: [3, 6],
};
const START_TIMEOUT_MS = 60_000;

/** Why there is no Kafka here; `null`: there is. `ours`: one that may be killed, or set up as a test needs it. */
export function whyNoKafka({ ours }: { readonly ours: boolean }): string | null {
  const given = process.env.KAFKA_BROKERS;
  if (given) return ours ? "the Kafka of KAFKA_BROKERS is not ours to kill or to set up" : null;
  return whyNot(JAVA) ?? whyNot(MAVEN);
}

/** Starts a broker with no data. It ends with the test `t`, or with `stop()` before that. */
export async function startKafka(t: TestContext | null, options: KafkaOptions = {}): Promise<TestKafka> {
  const given = process.env.KAFKA_BROKERS;
  const isPlain = !options.users && !options.tls && !options.authorizer;
  if (given && isPlain) return givenKafka(given.split(","));
  const kafka = new OwnKafka(await kafkaClasspath(), await planOf(options));
  t?.after(() => kafka.stop());
  try {
    await kafka.format();
    await kafka.start();
  } catch (error) {
    await kafka.stop();
    throw error;
  }
  return kafka;
}

/**
 * One broker for all tests of a file: `test(name, kafka.needed(), ...)`. Where there is none they are skipped, loudly and
 * counted; with `CI=true` that is a failure.
 */
export function sharedKafka(options: KafkaOptions = {}): {
  /** The started broker, inside of tests. */
  get(): TestKafka;
  /** Options of a test that needs it; `ours`: a test that kills it. */
  needed(what?: { readonly ours: boolean }): { readonly skip: string | false };
} {
  const isPlain = !options.users && !options.tls && !options.authorizer;
  let kafka: TestKafka | null = null;
  const missing = whyNoKafka({ ours: !isPlain });
  if (missing !== null) tellMissing(missing);
  before(async () => {
    if (missing === null) kafka = await startKafka(null, options);
  });
  after(async () => await kafka?.stop());
  return {
    get() {
      if (kafka === null) throw new Error("Kafka is started before the tests of the file, not earlier");
      return kafka;
    },
    needed: ({ ours } = { ours: false }) => ({ skip: missing ?? whyNoKafka({ ours }) ?? false }),
  };
}

function tellMissing(reason: string): void {
  if (process.env.CI === "true") throw new Error(`no Kafka to test with: ${reason}`);
  console.warn(`NOT TESTED WITH KAFKA: ${reason}`);
}

/** Does something as one who may do everything. */
export async function asAdmin<T>(
  { innerBrokers }: Pick<TestKafka, "innerBrokers">,
  task: (admin: Admin) => Promise<T>,
): Promise<T> {
  applyCures();
  const retry = { retries: 1, initialRetryTime: 50 };
  const admin = new Kafka({ brokers: [...innerBrokers], logLevel: logLevel.NOTHING, retry }).admin();
  await admin.connect();
  try {
    return await task(admin);
  } finally {
    await admin.disconnect();
  }
}

type Settings = Readonly<Record<string, string>>;

const TOPIC = 2;

const entriesOf = (settings: Settings) => Object.entries(settings).map(([name, value]) => ({ name, value }));

/** Creates a topic of one partition, and returns when the broker shows it and leads it, which is a while after its answer. */
export async function createTopic(
  kafka: Pick<TestKafka, "innerBrokers">,
  topic: string,
  settings: Settings = {},
): Promise<void> {
  await asAdmin(kafka, async (admin) => {
    const wanted = { topic, numPartitions: 1, configEntries: entriesOf(settings) };
    await admin.createTopics({ waitForLeaders: false, topics: [wanted] });
    await waitFor(`${topic} to be led`, () => admin.fetchTopicOffsets(topic));
  });
}

/** Sets these of a topic's settings, all others of its own go; returns when the broker shows them. */
export async function setTopic(
  kafka: Pick<TestKafka, "innerBrokers">,
  topic: string,
  settings: Settings,
): Promise<void> {
  await asAdmin(kafka, async (admin) => {
    const wanted = { type: TOPIC, name: topic, configEntries: entriesOf(settings) };
    await admin.alterConfigs({ validateOnly: false, resources: [wanted] });
    await waitFor(`the settings of ${topic}`, async () => {
      const shown = await settingsOf(admin, topic);
      return Object.entries(settings).every(([name, value]) => shown[name] === value);
    });
  });
}

/** The topic's own settings. */
export async function topicSettings(
  kafka: Pick<TestKafka, "innerBrokers">,
  topic: string,
): Promise<Settings> {
  return await asAdmin(kafka, (admin) => settingsOf(admin, topic));
}

async function settingsOf(admin: Admin, topic: string): Promise<Settings> {
  const asked = { type: TOPIC, name: topic };
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [asked] });
  // 1: set for the topic, not by default.
  const own = resources[0]?.configEntries.filter(({ configSource }) => Number(configSource) === 1) ?? [];
  return Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue]));
}

async function planOf({ users, tls = false, authorizer = false }: KafkaOptions): Promise<BrokerPlan> {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-kafka-"));
  mkdirSync(join(folder, "data"));
  const port = await freePort();
  const isPlain = !users && !tls && !authorizer;
  return {
    folder,
    port,
    innerPort: isPlain ? port : await freePort(),
    controllerPort: await freePort(),
    users: users ?? null,
    certificates: tls ? makeCertificates(folder) : null,
    authorizer,
  };
}

function givenKafka(brokers: string[]): TestKafka {
  const refuse = (): never => {
    throw new Error("the Kafka of KAFKA_BROKERS is not ours");
  };
  return {
    brokers,
    innerBrokers: brokers,
    certificates: null,
    kill: refuse,
    start: refuse,
    freeze: refuse,
    thaw: refuse,
    stop: async () => {},
  };
}

class OwnKafka implements TestKafka {
  readonly brokers: string[];
  readonly innerBrokers: string[];
  readonly certificates: Certificates | null;
  readonly #classpath: string;
  readonly #plan: BrokerPlan;
  readonly #settingsFile: string;
  #broker: JavaProgram | null = null;

  constructor(classpath: string, plan: BrokerPlan) {
    this.#classpath = classpath;
    this.#plan = plan;
    this.brokers = [`127.0.0.1:${plan.port}`];
    this.innerBrokers = [`127.0.0.1:${plan.innerPort}`];
    this.certificates = plan.certificates;
    this.#settingsFile = join(plan.folder, "server.properties");
    writeFileSync(this.#settingsFile, brokerSettings(plan));
  }

  /** Kafka's own tool takes 1.5 s, and is needed for the passwords of SCRAM only. */
  async format(): Promise<void> {
    const { folder, users } = this.#plan;
    if (users === null) {
      const lines = ["version=1", `cluster.id=${kafkaId()}`, "node.id=1", `directory.id=${kafkaId()}`];
      writeFileSync(join(folder, "data/meta.properties"), `${lines.join("\n")}\n`);
      return;
    }
    const passwords = Object.entries(users).flatMap(([name, password]) =>
      SCRAM_MECHANISMS.flatMap((mechanism) => [
        "--add-scram",
        `${mechanism}=[name=${name},password=${password}]`,
      ]),
    );
    const args = ["format", "--cluster-id", kafkaId(), "--config", this.#settingsFile, ...passwords];
    await runJava(this.#classpath, "kafka.tools.StorageTool", args);
  }

  async start(): Promise<void> {
    const broker = startJava(this.#classpath, "kafka.Kafka", [this.#settingsFile]);
    this.#broker = broker;
    await waitFor(
      "Kafka to work",
      async () => {
        if (broker.process.exitCode !== null) return true;
        return await asAdmin(this, async (admin) => {
          const { brokers, controller } = await admin.describeCluster();
          return brokers.length > 0 && controller !== null && controller >= 0;
        });
      },
      START_TIMEOUT_MS,
      100,
    );
    if (broker.process.exitCode !== null) throw new Error(`Kafka ended: ${broker.output()}`);
  }

  async kill(): Promise<void> {
    await this.#broker?.kill();
    this.#broker = null;
  }

  freeze(): void {
    this.#broker?.process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#broker?.process.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#plan.folder, { recursive: true, force: true });
  }
}

/** 22 characters of base64url; a leading hyphen would be an option to Kafka's tools. */
function kafkaId(): string {
  const id = randomBytes(16).toString("base64url");
  return id.startsWith("-") ? kafkaId() : id;
}
