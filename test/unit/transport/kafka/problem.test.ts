import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KafkaError, kafkaProblem } from "../../../../src/transport/kafka/problem.ts";

const ATTEMPT = { brokers: ["a:1", "b:2"], usesTls: false, username: null, topic: "t", group: "g" };

/** An error as kafkajs makes them, perhaps inside of others. */
function kafkajsError(fields: Readonly<Record<string, unknown>>, message = "failed", wraps = 0): Error {
  const error = Object.assign(new Error(message), fields);
  return wraps === 0 ? error : new Error("wrapped", { cause: kafkajsError(fields, message, wraps - 1) });
}

describe("a problem with Kafka", () => {
  it("is told by the deepest cause, whatever is around it", () => {
    const refused = { name: "KafkaJSConnectionError", code: "ECONNREFUSED", retriable: true };
    const outer = Object.assign(new Error("no"), {
      name: "KafkaJSNonRetriableError",
      retriable: false,
      cause: kafkajsError(refused, "Connection error", 2),
    });
    const problem = kafkaProblem(outer, ATTEMPT);
    assert.deepEqual([problem.code, problem.retryable], ["UNREACHABLE", true]);
    assert.match(problem.message, /^Kafka cannot be reached at a:1, b:2 \(connection refused/);
  });

  it("has a code for each kind, and only what may pass by itself is worth another try", () => {
    for (const [fields, message, code, retryable] of [
      [{ name: "KafkaJSRequestTimeoutError" }, "Request timed out", "UNREACHABLE", true],
      [{ name: "KafkaJSConnectionClosedError" }, "Closed connection", "CLOSED", true],
      [{ name: "KafkaJSConnectionError", code: "SELF_SIGNED_CERT_IN_CHAIN" }, "x", "TLS", false],
      [{ name: "KafkaJSSASLAuthenticationError" }, "x", "AUTH", false],
      [{ type: "TOPIC_AUTHORIZATION_FAILED" }, "x", "TOPIC_DENIED", false],
      [{ type: "GROUP_AUTHORIZATION_FAILED" }, "x", "GROUP_DENIED", false],
      [{ type: "CLUSTER_AUTHORIZATION_FAILED" }, "x", "CLUSTER_DENIED", false],
      [{ name: "KafkaJSGroupCoordinatorNotFound" }, "x", "NO_COORDINATOR", false],
      [{ type: "GROUP_LOAD_IN_PROGRESS" }, "x", "STARTING", true],
      [{ type: "UNKNOWN_TOPIC_OR_PARTITION" }, "x", "NO_TOPIC", true],
      [{ type: "MESSAGE_TOO_LARGE" }, "x", "TOO_LARGE", false],
      [{ type: "UNSUPPORTED_VERSION" }, "x", "UNSUPPORTED", false],
      [{ name: "RangeError" }, "Cannot create a Buffer larger than 1 bytes", "UNREADABLE", false],
      [{ type: "NOT_ENOUGH_REPLICAS", retriable: true }, "x", "FAILED", true],
      [{ type: "POLICY_VIOLATION", retriable: false }, "x", "FAILED", false],
    ] as const) {
      const problem = kafkaProblem(kafkajsError(fields, message), ATTEMPT);
      assert.deepEqual([problem.code, problem.retryable], [code, retryable], JSON.stringify(fields));
      assert.doesNotMatch(problem.message, /\n|undefined|null/);
    }
  });

  it("is one line whatever was thrown, and stays what it was", () => {
    assert.equal(kafkaProblem("no\nway", ATTEMPT).message, "Kafka failed: no way");
    const first = kafkaProblem(undefined, ATTEMPT);
    assert.equal(kafkaProblem(new KafkaError(first), ATTEMPT), first);
    const circle = new Error("circle");
    circle.cause = circle;
    assert.equal(kafkaProblem(circle, ATTEMPT).message, "Kafka failed: circle");
  });
});
