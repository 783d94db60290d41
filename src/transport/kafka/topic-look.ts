import type { KafkaConnection } from "./connection.ts";
import { KafkaError } from "./problem.ts";

/** What a user sees of a topic. */
export type TopicLook =
  | { readonly state: "there"; readonly partitions: number }
  | { readonly state: "missing" | "denied" };

/** Looks at a topic with no more rights than it takes to read or write it. Throws: KafkaError, for what is wrong beyond it. */
export async function lookAtTopic(connection: KafkaConnection, topic: string): Promise<TopicLook> {
  try {
    const { topics } = await connection.withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }), {
      topic,
      operation: "read",
    });
    return { state: "there", partitions: topics[0]?.partitions.length ?? 0 };
  } catch (error) {
    const code = error instanceof KafkaError ? error.problem.code : null;
    if (code === "NO_TOPIC") return { state: "missing" };
    if (code === "TOPIC_DENIED") return { state: "denied" };
    throw error;
  }
}

/** Whether a user may read a consumer group's offsets. Throws: KafkaError, for what is wrong beyond it. */
export async function lookAtGroup(connection: KafkaConnection, groupId: string): Promise<boolean> {
  try {
    await connection.withAdmin((admin) => admin.fetchOffsets({ groupId }), { group: groupId });
    return true;
  } catch (error) {
    const code = error instanceof KafkaError ? error.problem.code : null;
    if (code === "GROUP_DENIED" || code === "NO_COORDINATOR") return false;
    throw error;
  }
}
