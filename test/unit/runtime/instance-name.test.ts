import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { instanceName } from "../../../src/runtime/instance-name.ts";

test("a process is named after its host, and with its port where that is not the usual one", () => {
  assert.equal(instanceName({ port: 9380 }, 9380), hostname());
  assert.equal(instanceName({ port: 9381 }, 9380), `${hostname()}:9381`);
});

test("where any free port will do, processes are told apart all the same", () => {
  assert.equal(instanceName({ port: 0 }, 9380), `${hostname()}:${process.pid}`);
});
