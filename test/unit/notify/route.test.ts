import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Route } from "../../../src/config/schema.ts";
import { redactedKey } from "../../../src/model/redacted-key.ts";
import { compileRoutes } from "../../../src/notify/route.ts";
import { incidentOf } from "../incidents/samples.ts";
import { routeTo } from "./scene.ts";

function receiversOf(routes: readonly Route[], incident = incidentOf()): string[] {
  return [...compileRoutes(routes)(incident).keys()];
}

describe("routes", () => {
  it("send an incident to the receivers of every route that matches, each once", () => {
    const routes = [
      routeTo(["a", "b"]),
      routeTo(["b", "c"]),
      routeTo(["d"], { match: { severity: "critical" } }),
    ];
    assert.deepEqual(receiversOf(routes), ["a", "b", "c"]);
    assert.deepEqual(receiversOf(routes, incidentOf({ severity: "critical" })), ["a", "b", "c", "d"]);
  });

  it("take the pace of the first route that names the receiver", () => {
    const routes = [routeTo(["a"], { burst: 1 }), routeTo(["a"], { burst: 9 })];
    assert.equal(compileRoutes(routes)(incidentOf()).get("a")?.burst, 1);
  });

  it("match cluster, rule and key by globs, all of them", () => {
    const to = (match: Route["match"]) => receiversOf([routeTo(["a"], { match })]).length === 1;
    assert.equal(to({ cluster: "sh*" }), true);
    assert.equal(to({ cluster: "sh" }), false);
    assert.equal(to({ rule: "hot-*" }), true);
    assert.equal(to({ rule: "cold-*" }), false);
    assert.equal(to({ key: "user:[0-9]" }), true);
    assert.equal(to({ key: "sale:*" }), false);
    assert.equal(to({ key: "user:*", cluster: "other" }), false);
  });

  it("match a redacted key by its label", () => {
    const bytes = redactedKey({ slot: 0, identity: new Uint8Array(8), label: "user:{n}" });
    const incident = incidentOf({ key: { cluster: "shop", db: 0, bytes } });
    const to = (key: string) => receiversOf([routeTo(["a"], { match: { key } })], incident).length === 1;
    assert.equal(to("user:*"), true);
    assert.equal(to("sale:*"), false);
  });

  it("send nothing to anyone where there are none", () => {
    assert.deepEqual(receiversOf([]), []);
  });
});
