import type { TargetConfig } from "../config/schema.ts";
import { formatHostPort } from "../config/target-url.ts";
import { SLOT_COUNT } from "../model/slot.ts";
import { factsDialectOf, grantCommandsLine, grantFactsLine } from "../redis/acl.ts";
import { isAtLeast } from "../redis/info.ts";
import { LiveSession } from "../redis/live-session.ts";
import { readNotificationFlags } from "../redis/notification-flags.ts";
import { OwnReads } from "../redis/own-reads.ts";
import type { TargetPoll } from "../redis/poll.ts";
import { isNoPermission, refusalReason } from "../redis/reply-problem.ts";
import { Session } from "../redis/session.ts";
import type { Topology } from "../redis/topology.ts";
import { reasonOf } from "../runtime/reason.ts";
import { explainFlags, explainLoss, UNREADABLE_FLAGS_ADVICE } from "../sources/keyspace/advice.ts";
import { judgeFlags, withWanted } from "../sources/keyspace/flags.ts";
import { tapPatterns } from "../sources/keyspace/patterns.ts";
import { dialectOf } from "../sources/keyspace/target-view.ts";
import { mayLookUpFacts } from "./facts-try.ts";
import { Findings } from "./finding.ts";
import type { DoctorOptions } from "./options.ts";
import { noteSettings } from "./server-settings.ts";
import { type FlagsSight, noteSight } from "./sight.ts";

const TIMEOUTS = { connectTimeoutMs: 3000, commandTimeoutMs: 3000 };

/** The look at one server. */
export class ServerExam {
  readonly target: TargetConfig;
  /** Who belongs to its cluster; `null`: not known, or not asked. */
  topology: Topology | null = null;
  readonly #options: DoctorOptions;
  readonly #findings: Findings;
  /** Of the process that answered; `null`: none did, or it does not say. */
  runId: string | null = null;
  readonly #isFound: boolean;
  #peer: string | null = null;
  #nodeId: string | null = null;
  #canPing = true;
  #canSubscribe = false;

  /** `isFound`: another server named it, the config does not. */
  constructor(target: TargetConfig, options: DoctorOptions, { isFound = false } = {}) {
    this.target = target;
    this.#options = options;
    this.#isFound = isFound;
    this.#findings = new Findings(`target ${target.address}`);
  }

  get findings() {
    return this.#findings.all;
  }

  /** By which other servers may call it. */
  get names(): readonly string[] {
    return [this.target.address, this.#peer, this.#nodeId].filter((name) => name !== null);
  }

  /** What it says of its cluster as a whole; once a cluster is enough. */
  noteCluster(): void {
    if (this.topology?.kind !== "cluster") return;
    const { servers, slotsCovered } = this.topology;
    const lost = SLOT_COUNT - slotsCovered;
    if (lost === 0) this.#findings.ok("cluster", `${servers.length} nodes, all slots are served`);
    else this.#findings.fail("cluster", `${lost} of ${SLOT_COUNT} slots are served by nobody`);
  }

  /** It is listed twice. */
  noteDouble(address: string): void {
    this.#findings.warn("listed", `it is the same server as ${address}: list it once`);
  }

  /** Never throws: what fails is a finding. */
  async run(): Promise<void> {
    const { clock, signal } = this.#options;
    const startMs = clock.monotonic();
    let live: LiveSession;
    try {
      live = await LiveSession.open(this.target, {
        clock,
        ownReads: new OwnReads(),
        timeouts: TIMEOUTS,
        signal,
      });
    } catch (err) {
      this.#noteUnreached(err);
      return;
    }
    const stop = () => live.session.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      this.#peer = live.session.peer;
      await this.#look(live, clock.monotonic() - startMs);
    } catch (err) {
      this.#noteFailure("answers", err);
    } finally {
      signal.removeEventListener("abort", stop);
      live.session.close();
    }
  }

  /** An agent leaves other hosts to other agents, and a config that does not say what is observed may be one's. */
  #noteUnreached(err: unknown): void {
    const { discovery, kafka } = this.#options.config;
    const mayBeOthers = this.#isFound && discovery.observe === undefined && kafka.brokers !== undefined;
    if (!mayBeOthers || this.#options.signal.aborted) this.#noteFailure("reachable", err);
    else {
      this.#findings.explained("warn", "reachable", reasonOf(err));
      this.#findings.info("observe", "an agent of its host may watch it: say so by discovery.observe: local");
    }
  }

  /** What Ctrl-C has cut off has not failed. */
  #noteFailure(check: string, err: unknown): void {
    if (!this.#options.signal.aborted) this.#findings.explained("fail", check, reasonOf(err));
  }

  async #look(live: LiveSession, connectMs: number): Promise<void> {
    const poll = await live.poll();
    const { clock } = this.#options;
    const startMs = clock.monotonic();
    const [pong] = await live.session.ask([["PING"]]);
    const pingMs = clock.monotonic() - startMs;
    this.#findings.ok("reachable", `connected in ${Math.round(connectMs)} ms, PING ${pingMs.toFixed(1)} ms`);
    this.runId = poll.runId;
    this.#nodeId = poll.nodeId;
    if (pong && "error" in pong && !poll.isSentinel) this.#notePing(pong.error);
    this.#noteIdentity(poll);
    this.topology = await live.topology().catch((err: unknown) => this.#noTopology(poll, err));
    if (poll.isSentinel) {
      this.#noteWatched();
      return;
    }
    const flags = await this.#noteFlags(live, poll);
    await this.#noteSubscription(poll);
    await this.#noteFacts(live, poll);
    if (!poll.clusterEnabled) await this.#noteSelect(live);
    await noteSettings(this.#findings, live.session, poll);
    this.#noteRights(live);
    noteSight(this.#findings, this.#options.config, { poll, flags, canSubscribe: this.#canSubscribe });
  }

  /** The servers that are not known are not looked at. */
  #noTopology({ isSentinel }: TargetPoll, err: unknown): null {
    if (isSentinel) this.#noteFailure("watches", err);
    else if (!this.#options.signal.aborted)
      this.#findings.warn("members", "who else belongs to its cluster is not known, and not looked at");
    return null;
  }

  #noteWatched(): void {
    if (this.topology?.kind !== "sentinel") return;
    const names = this.topology.groups.map(({ name }) => name);
    if (names.length > 0) this.#findings.ok("watches", names.join(", "));
    else this.#findings.fail("watches", "no primary: nothing is seen by way of this Sentinel");
  }

  #noteIdentity({ role, flavor, version, isSentinel, clusterEnabled, primary }: TargetPoll): void {
    const findings = this.#findings;
    const kind = isSentinel ? "Sentinel" : clusterEnabled ? `${role} of a cluster` : role;
    const of = primary === null ? "" : ` of ${formatHostPort(primary.host, primary.port)}`;
    findings.ok("role", `${kind}${of}, ${flavor} ${version}`);
    if (version !== "unknown" && !isAtLeast(version, 5, 0))
      findings.fail("version", `${flavor} ${version} is older than Keyheat can watch: 5.0 at least`);
    if (role === "unknown" && !isSentinel) findings.warn("role", "it does not say whether it is a primary");
  }

  /** Changes nothing, also where the config says `ensure`. */
  async #noteFlags(live: LiveSession, poll: TargetPoll): Promise<FlagsSight> {
    const { config, clock } = this.#options;
    const { enabled, configure, patterns } = config.sources.keyspace;
    if (!enabled || poll.role === "unknown") return null;
    const flags = await readNotificationFlags(live.session, live.refusals, clock.monotonic());
    const findings = this.#findings;
    if (flags === null) {
      findings.warn(
        "flags",
        `whether the server publishes events is not known; if it does not, ${UNREADABLE_FLAGS_ADVICE}`,
      );
      return null;
    }
    const { form } = tapPatterns(patterns, poll.role);
    const dialect = dialectOf(poll);
    const verdict = judgeFlags(flags, form, poll.role, dialect);
    const shown = flags === "" ? "off" : `"${flags}"`;
    if (verdict.kind === "ok") {
      if (verdict.seesMisses) findings.ok("flags", `notify-keyspace-events is ${shown}`);
      else {
        const line = `CONFIG SET notify-keyspace-events ${withWanted(flags, form, poll.role, dialect)}`;
        findings.warn(
          "flags",
          `notify-keyspace-events is ${shown}: misses are not seen, class m is missing`,
          line,
        );
      }
      return verdict.seesMisses ? "all" : "no-misses";
    }
    if (configure === "ensure") {
      const line = `CONFIG SET notify-keyspace-events ${verdict.wanted}`;
      findings.warn(
        "flags",
        `notify-keyspace-events is ${shown}; Keyheat adds ${verdict.missing} at its start (configure: ensure), or`,
        line,
      );
    } else findings.explained("fail", "flags", explainFlags(flags, verdict.missing, verdict.wanted));
    return "too-little";
  }

  /** Subscribes for real, on a connection of its own that ends at once. */
  async #noteSubscription({ role }: TargetPoll): Promise<void> {
    const { enabled, patterns } = this.#options.config.sources.keyspace;
    if (!enabled || role === "unknown") return;
    const { channels } = tapPatterns(patterns, role);
    const session = await Session.open(this.target, TIMEOUTS, this.#options.signal);
    try {
      // In small letters: ioredis looks for it by name.
      const [answer] = await session.ask([["psubscribe", ...channels]]);
      const reply = answer && "error" in answer ? answer.error : null;
      this.#canSubscribe = reply === null && this.#canPing;
      if (reply === null) this.#findings.ok("subscription", channels.join(" "));
      else if (isNoPermission(reply)) {
        const loss = { code: "denied", message: "this user may not subscribe" } as const;
        const reason = explainLoss(loss, { username: this.target.username, channels });
        this.#findings.explained("fail", "subscription", reason);
      } else this.#findings.fail("subscription", "the server refused PSUBSCRIBE");
    } finally {
      session.close();
    }
  }

  /** A subscription is up from its first PONG on: without the right it never is. */
  #notePing(reply: string): void {
    this.#canPing = false;
    if (!this.#options.config.sources.keyspace.enabled) return;
    const reason = refusalReason("ping", reply, this.target.username);
    this.#findings.explained("fail", "subscription", `no event comes: ${reason}`);
  }

  async #noteFacts({ session }: LiveSession, { version }: TargetPoll): Promise<void> {
    const dialect = factsDialectOf(version);
    if (await mayLookUpFacts(session, dialect)) {
      this.#findings.ok("facts", "type, size and expiry of hot keys can be looked up");
      return;
    }
    const { username } = this.target;
    const message = `alerts will lack type, size and expiry of the key: user "${username || "default"}" may not look up facts of keys`;
    this.#findings.warn("facts", message, grantFactsLine(username, dialect));
  }

  /** Look-ups in other databases than 0 select them. */
  async #noteSelect({ session }: LiveSession): Promise<void> {
    const [answer] = await session.ask([["SELECT", 0]]);
    if (answer === undefined || "value" in answer) return;
    const reason = refusalReason("select", answer.error, this.target.username);
    this.#findings.explained(
      "warn",
      "facts",
      `alerts on keys in databases other than 0 will lack them: ${reason}`,
    );
  }

  /** What was refused on the way: each degrades its part. */
  #noteRights(live: LiveSession): void {
    const reasons = live.refusals.reasons().filter((reason) => !reason.includes("look up facts"));
    for (const reason of reasons) this.#findings.explained("warn", "rights", reason);
    const { configure, enabled } = this.#options.config.sources.keyspace;
    if (enabled && configure === "ensure")
      this.#findings.ok(
        "rights",
        `configure: ensure needs CONFIG SET, which is not tried: ${grantCommandsLine(this.target.username, ["config|set"])}`,
      );
    else if (reasons.length === 0 && this.#canPing) this.#findings.ok("rights", "all that Keyheat asks");
  }
}
