import kafkajs from "kafkajs";
import type { AclNeed } from "../../src/transport/kafka/acls.ts";
import { asAdmin, type TestKafka } from "./kafka.ts";
import { waitFor } from "./wait.ts";

// Node does not find these among the names of a CommonJS module.
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

const OPERATIONS = {
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Delete: AclOperationTypes.DELETE,
};

/** Gives a user rights, as the lines that `keyheat topics` prints would; returns when the broker goes by them. */
export async function grant(kafka: TestKafka, user: string, needs: readonly AclNeed[]): Promise<void> {
  const acl = needs.flatMap(({ resource, name, prefixed, operations }) =>
    operations.map((operation) => ({
      resourceType: resource === "topic" ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
      resourceName: name,
      resourcePatternType: prefixed ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
      principal: `User:${user}`,
      host: "*",
      operation: OPERATIONS[operation],
      permissionType: AclPermissionTypes.ALLOW,
    })),
  );
  await asAdmin(kafka, async (admin) => {
    await admin.createAcls({ acl });
    // What judges requests is what shows them, and it hears of them after the answer.
    for (const one of acl)
      await waitFor(
        `rights to ${one.resourceName}`,
        async () => (await admin.describeAcls(one)).resources.length > 0,
      );
  });
}
