import assert from "node:assert/strict";
import type { LookupAddress, lookup } from "node:dns";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { Agent, request } from "undici";
import { EgressError, egressConnector, egressGuard } from "../../../src/notify/egress.ts";

describe("addresses that are dialled", () => {
  const passes = egressGuard([]);

  it("are never link-local or those of metadata services, in whatever form", () => {
    const refused = [
      "169.254.169.254",
      "169.254.0.1",
      "fe80::1",
      "fe80::1%eth0",
      "febf::1",
      "fd00:ec2::254",
      "fd20:ce::254",
      "100.100.100.200",
      "192.0.0.192",
      "168.63.129.16",
      "::ffff:169.254.169.254",
      "::ffff:a9fe:a9fe",
      "::169.254.169.254",
      "::ffff:0:169.254.169.254",
      "64:ff9b::169.254.169.254",
      "64:ff9b:1::a9fe:a9fe",
      "2002:a9fe:a9fe::1",
      "::ffff:100.100.100.200",
    ];
    for (const address of refused) assert.equal(passes(address), false, address);
  });

  it("may be any other, as long as nothing narrows them", () => {
    for (const address of [
      "127.0.0.1",
      "::1",
      "10.0.0.1",
      "192.168.1.1",
      "93.184.216.34",
      "2001:db8::1",
      "100.100.100.201",
    ]) {
      assert.equal(passes(address), true, address);
    }
    assert.equal(passes("no address"), false);
  });

  it("are narrowed by networks and single addresses, but never widened", () => {
    const narrowed = egressGuard(["10.0.0.0/8", "192.168.1.7", "fd00::/8", "169.254.0.0/16"]);
    for (const address of ["10.1.2.3", "192.168.1.7", "fd12::1", "::ffff:10.1.2.3"]) {
      assert.equal(narrowed(address), true, address);
    }
    for (const address of ["127.0.0.1", "192.168.1.8", "169.254.169.254", "fd00:ec2::254", "2001:db8::1"]) {
      assert.equal(narrowed(address), false, address);
    }
  });
});

describe("the guarded connector", () => {
  let port = 0;
  let requests = 0;
  const server = createServer((_, answer) => {
    requests++;
    answer.end();
  });
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());

  /** A name server that answers with these addresses. */
  function resolvingTo(...addresses: string[]): typeof lookup {
    const answers: LookupAddress[] = addresses.map((address) => ({
      address,
      family: address.includes(":") ? 6 : 4,
    }));
    const answer = (_: string, __: unknown, callback: (error: null, answers: LookupAddress[]) => void) =>
      setImmediate(callback, null, answers);
    return answer as unknown as typeof lookup;
  }

  async function status(host: string, allow: string[], resolve?: typeof lookup): Promise<number> {
    const agent = new Agent({ connect: egressConnector(allow, resolve) });
    try {
      return (await request(`http://${host}:${port}/`, { dispatcher: agent })).statusCode;
    } finally {
      await agent.destroy();
    }
  }

  const isRefused = (error: unknown) => error instanceof EgressError;

  it("reaches what is allowed, by address and by name", async () => {
    assert.equal(await status("127.0.0.1", []), 200);
    assert.equal(await status("hook.example", ["127.0.0.0/8"], resolvingTo("127.0.0.1")), 200);
  });

  it("refuses an address in the URL, also in another notation", async () => {
    const before = requests;
    await assert.rejects(status("127.0.0.1", ["10.0.0.0/8"]), isRefused);
    await assert.rejects(status("2130706433", ["10.0.0.0/8"]), isRefused);
    await assert.rejects(status("[::ffff:7f00:1]", ["10.0.0.0/8"]), isRefused);
    await assert.rejects(status("169.254.169.254", []), isRefused);
    assert.equal(requests, before);
  });

  it("judges a name by what it leads to, each time", async () => {
    await assert.rejects(status("hook.example", [], resolvingTo("169.254.169.254")), isRefused);
    await assert.rejects(status("hook.example", ["10.0.0.0/8"], resolvingTo("127.0.0.1", "::1")), isRefused);
  });

  it("dials only the allowed ones among several addresses", async () => {
    assert.equal(await status("hook.example", [], resolvingTo("169.254.169.254", "127.0.0.1")), 200);
  });
});
