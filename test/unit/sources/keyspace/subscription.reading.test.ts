import assert from "node:assert/strict";
import { test } from "node:test";
import type { FakeSocket } from "../../../support/fake-socket.ts";
import { confirmation, PONG_MESSAGE } from "../../../support/pubsub-bytes.ts";
import { settle } from "../../../support/simulated-clock.ts";
import { events, few, KIB, PATTERNS, Scene } from "./subscription-scene.ts";

test("once a read has emptied the socket it rests for 8 ms, for 32 ms in a hurry", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  for (const [isHurried, restMs] of [
    [false, 8],
    [true, 32],
  ] as const) {
    scene.subscription.isHurried = isHurried;
    socket.send(few);
    assert.ok(socket.isPaused);
    socket.send(few, few);
    scene.clock.advance(restMs - 1);
    assert.equal(socket.unreadBytes, 2 * few.length);
    scene.clock.advance(1);
    assert.equal(socket.unreadBytes, 0, "what came meanwhile is read in one go");
    scene.clock.advance(restMs);
    assert.equal(socket.isPaused, false);
  }
  assert.equal(scene.events, 6);
  assert.equal(scene.reads, 4);
});

test("an answer alone is no reason to rest, and nothing to tell", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  for (const answer of [PONG_MESSAGE, Buffer.from("+PONG\r\n")]) {
    scene.clock.advance(1000);
    socket.send(answer);
    assert.equal(socket.isPaused, false);
  }
  assert.equal(scene.reads, 0);
  assert.equal(scene.subscription.lagMs, 0);
});

test("where much comes it reads on at once, and gives the rest of the process a turn after 512 KiB", async () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  socket.reads.length = 0;
  socket.send(events(40 * KIB));
  assert.equal(socket.isPaused, false, "a read of 32 KiB or more may not be the last");
  socket.send(events(4000 * KIB));
  assert.ok(socket.isPaused);
  const readBytes = socket.reads.reduce((sum, length) => sum + length, 0);
  assert.ok(readBytes >= 512 * KIB && readBytes <= 576 * KIB, `${readBytes} bytes in a turn`);
  const waiting = scene.clock.waiting;
  for (let turn = 0; turn < 3; turn++) await settle();
  assert.equal(scene.clock.waiting, waiting, "a turn is no rest: no timer");
  const leftBytes = socket.unreadBytes;
  assert.ok(leftBytes > 0 && leftBytes < 2500 * KIB, `${leftBytes} bytes left after three more turns`);
});

test("it is not behind while it empties the socket, and behind since the first of many reads that were full", () => {
  const scene = new Scene();
  const { subscription } = scene;
  const socket = scene.comeUp();
  assert.equal(subscription.behindMs, 0);
  const much = events(130 * KIB);
  socket.send(much.subarray(0, 64 * KIB));
  scene.clock.advance(70);
  assert.equal(subscription.behindMs, 70);
  socket.send(much.subarray(64 * KIB, 128 * KIB));
  scene.clock.advance(50);
  assert.equal(subscription.behindMs, 120);
});

test("a read that is not full has caught up", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  const much = events(100 * KIB);
  socket.send(much.subarray(0, 64 * KIB));
  scene.clock.advance(200);
  assert.equal(scene.subscription.behindMs, 200);
  socket.send(much.subarray(64 * KIB));
  assert.equal(scene.subscription.behindMs, 0);
});

/** More than 128 KiB, in reads none of which is full: a socket that is emptied, from a backlog of the server's. */
function sendBacklog(scene: Scene, socket: FakeSocket): void {
  const much = events(150 * KIB);
  for (let at = 0; at < much.length; at += 40 * KIB) {
    socket.send(much.subarray(at, at + 40 * KIB));
    scene.clock.advance(8);
  }
}

test("a PING without an answer while much comes is a backlog of the server's", () => {
  const scene = new Scene();
  const { subscription } = scene;
  const socket = scene.comeUp();
  socket.takeCommands();
  scene.clock.advance(1000);
  assert.deepEqual(socket.takeCommands(), ["PING"]);
  const askedMs = scene.nowMs;
  sendBacklog(scene, socket);
  scene.clock.advance(200);
  assert.equal(subscription.behindMs, scene.nowMs - askedMs);
  const lagMs = scene.nowMs - askedMs;
  socket.send(PONG_MESSAGE);
  assert.equal(subscription.lagMs, 0);
  assert.equal(subscription.behindMs, lagMs, "how late events were a moment ago still says something");
  scene.clock.advance(399);
  assert.equal(subscription.behindMs, lagMs);
  scene.clock.advance(1);
  assert.equal(subscription.behindMs, 0);
  assert.equal(subscription.takeWorstLagMs(), lagMs);
  assert.equal(subscription.takeWorstLagMs(), 0);
});

test("a slow server of which little comes is slow, and nobody is behind", () => {
  const scene = new Scene();
  const { subscription } = scene;
  const socket = scene.comeUp();
  scene.clock.advance(1000);
  socket.send(few);
  scene.clock.advance(2000);
  assert.equal(subscription.lagMs, 2000);
  assert.equal(subscription.behindMs, 0);
  assert.equal(subscription.readToMs, null);
  socket.send(PONG_MESSAGE);
  assert.equal(subscription.behindMs, 0);
});

test("what came before a question says nothing of how late its answer is", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  scene.clock.advance(1000);
  sendBacklog(scene, socket);
  socket.send(PONG_MESSAGE);
  scene.clock.advance(1000);
  assert.equal(socket.takeCommands().at(-1), "PING");
  scene.clock.advance(300);
  assert.ok(scene.subscription.lagMs >= 300);
  assert.equal(scene.subscription.behindMs, 0);
});

test("where much comes it asks how late that is each 200 ms, not each second", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  socket.takeCommands();
  let pings = 0;
  for (let i = 0; i < 20; i++) {
    socket.send(events(150 * KIB));
    for (const command of socket.takeCommands()) {
      assert.equal(command, "PING");
      pings++;
      socket.send(PONG_MESSAGE);
    }
    scene.clock.advance(50);
  }
  assert.ok(pings >= 4 && pings <= 6, `${pings} in a second`);
});

test("what was read up to is now, or, behind, when the last question was asked that is answered", () => {
  const scene = new Scene();
  const { subscription } = scene;
  const socket = scene.comeUp();
  const upMs = scene.nowMs;
  scene.clock.advance(500);
  assert.equal(subscription.readToMs, null);
  scene.clock.advance(500);
  const askedMs = scene.nowMs;
  sendBacklog(scene, socket);
  scene.clock.advance(100);
  assert.equal(subscription.readToMs, null, "so little is no backlog");
  scene.clock.advance(200);
  assert.equal(subscription.readToMs, upMs, "all before the first PING");
  subscription.listen(false);
  const endedMs = scene.nowMs;
  scene.clock.advance(100);
  socket.send(PONG_MESSAGE);
  assert.equal(subscription.readToMs, askedMs);
  socket.send(confirmation("punsubscribe", PATTERNS[0] ?? "", 1));
  assert.equal(subscription.readToMs, endedMs);
  socket.send(confirmation("punsubscribe", PATTERNS[1] ?? "", 0));
  scene.clock.advance(8);
  assert.equal(subscription.readToMs, null, "no question is open");
});

test("a new connection is not behind, and knows nothing of what the old one was asked", () => {
  const scene = new Scene();
  const { subscription } = scene;
  const first = scene.comeUp();
  scene.clock.advance(1000);
  subscription.listen(false);
  subscription.listen(true);
  first.send(events(70 * KIB).subarray(0, 64 * KIB));
  scene.clock.advance(200);
  assert.equal(subscription.behindMs, 200);
  first.emit("close");
  assert.equal(subscription.behindMs, 0);
  scene.clock.advance(100);
  const second = scene.comeUp();
  assert.equal(subscription.behindMs, 0);
  const upMs = scene.nowMs;
  scene.clock.advance(1000);
  sendBacklog(scene, second);
  scene.clock.advance(300);
  assert.equal(subscription.readToMs, upMs);
  second.send(PONG_MESSAGE);
  assert.equal(subscription.readToMs, null);
});
