import assert from "node:assert/strict";
import { test } from "node:test";
import { confirmation, PONG_MESSAGE } from "../../../support/pubsub-bytes.ts";
import { few, PATTERNS, Scene } from "./subscription-scene.ts";

test("it is up once every pattern is confirmed and the server has answered a PING", () => {
  const scene = new Scene(["user", "secret"]);
  const { socket } = scene;
  assert.deepEqual(socket.takeCommands(), []);
  socket.accept();
  assert.deepEqual(socket.takeCommands(), ["AUTH user secret", `PSUBSCRIBE ${PATTERNS.join(" ")}`]);
  socket.send(Buffer.from("+OK\r\n"), confirmation("psubscribe", PATTERNS[0] ?? "", 1));
  assert.deepEqual(socket.takeCommands(), []);
  socket.send(confirmation("psubscribe", PATTERNS[1] ?? "", 2));
  assert.deepEqual(socket.takeCommands(), ["PING"]);
  assert.equal(scene.subscription.isUp, false);
  socket.send(PONG_MESSAGE);
  assert.ok(scene.subscription.isUp);
  assert.deepEqual([scene.ups, scene.losses], [1, []]);
});

test("listening ends and begins with all patterns, once each, and an ended one still answers", () => {
  const scene = new Scene();
  const { subscription } = scene;
  const socket = scene.comeUp();
  socket.takeCommands();
  subscription.listen(true);
  assert.deepEqual(socket.takeCommands(), []);
  subscription.listen(false);
  subscription.listen(false);
  assert.deepEqual(socket.takeCommands(), [`PUNSUBSCRIBE ${PATTERNS.join(" ")}`]);
  socket.send(...PATTERNS.map((pattern, i) => confirmation("punsubscribe", pattern, 1 - i)));
  scene.clock.advance(1000);
  assert.deepEqual(socket.takeCommands(), ["PING"]);
  socket.send(Buffer.from("+PONG\r\n"));
  assert.ok(subscription.isUp);
  subscription.listen(true);
  assert.deepEqual(socket.takeCommands(), [`PSUBSCRIBE ${PATTERNS.join(" ")}`]);
  socket.send(...PATTERNS.map((pattern, i) => confirmation("psubscribe", pattern, i + 1)));
  assert.deepEqual([scene.ups, scene.losses], [1, []]);
});

test("what does not listen does not listen on the next connection either", () => {
  const scene = new Scene();
  scene.comeUp().takeCommands();
  scene.subscription.listen(false);
  scene.socket.emit("close");
  assert.deepEqual(scene.losses, [["closed", true]]);
  assert.equal(scene.subscription.isUp, false);
  scene.clock.advance(100);
  assert.equal(scene.sockets.length, 2);
  const socket = scene.comeUp();
  assert.deepEqual(socket.takeCommands(), [
    `PSUBSCRIBE ${PATTERNS.join(" ")}`,
    "PING",
    `PUNSUBSCRIBE ${PATTERNS.join(" ")}`,
  ]);
  assert.equal(scene.subscription.readToMs, null);
});

test("what is told while there is no connection holds for the next one", () => {
  const scene = new Scene();
  scene.subscription.listen(false);
  assert.deepEqual(scene.socket.takeCommands(), []);
  assert.equal(scene.comeUp().takeCommands().at(-1), `PUNSUBSCRIBE ${PATTERNS.join(" ")}`);
  scene.subscription.listen(true);
  scene.socket.emit("close");
  scene.clock.advance(100);
  assert.equal(scene.comeUp().takeCommands().at(-1), "PING");
});

test("what piled up while this process stood still is dropped, and never counted as the heat of now", () => {
  const scene = new Scene();
  const first = scene.comeUp();
  first.send(few);
  scene.clock.advance(8);
  scene.clock.stall(10_000);
  // A process that was stopped in its poll finds bytes before it gets to its timers.
  first.send(few, few, few);
  assert.equal(scene.events, 1);
  assert.deepEqual(scene.losses, [["paused", true]]);
  assert.ok(first.isDestroyed);
  scene.clock.advance(100);
  const second = scene.comeUp();
  second.send(few);
  assert.deepEqual([scene.events, scene.ups], [2, 2]);
});

test("a pause that the timer finds first drops the connection as well", () => {
  const scene = new Scene();
  const first = scene.comeUp();
  scene.clock.stall(10_000);
  scene.clock.advance(0);
  assert.deepEqual(scene.losses, [["paused", true]]);
  assert.ok(first.isDestroyed);
});

test("a busy moment is no pause, and neither is a server that sends nothing for long", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  scene.clock.stall(1900);
  socket.send(few, PONG_MESSAGE);
  for (let second = 0; second < 20; second++) {
    scene.clock.advance(1000);
    socket.send(PONG_MESSAGE);
  }
  socket.send(few);
  assert.deepEqual([scene.events, scene.losses], [2, []]);
});

test("bytes that are no RESP drop the connection, and it is made anew with nothing left of the old one", () => {
  const scene = new Scene();
  const first = scene.comeUp();
  first.send(few, few.subarray(0, 30));
  scene.clock.advance(8);
  first.send(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
  assert.deepEqual(scene.losses, [["protocol", true]]);
  assert.ok(first.isDestroyed);
  scene.clock.advance(100);
  assert.equal(scene.sockets.length, 2);
  const second = scene.comeUp();
  second.send(few);
  assert.equal(scene.events, 2);
  assert.equal(scene.ups, 2);
  first.emit("error", new Error("late"));
  assert.ok(scene.subscription.isUp, "a late error of the old socket is nobody's");
});

test("a rest that is under way when the connection is lost never wakes the old socket", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  socket.send(few);
  assert.ok(socket.isPaused);
  socket.emit("close");
  assert.equal(scene.clock.waiting, 1, "only the next attempt is waited for");
  scene.clock.advance(8);
});

test("attempts that fail come again, later each time, and without a password rarely", () => {
  const scene = new Scene();
  const gapsMs: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    scene.socket.emit("error", new Error("ECONNREFUSED"));
    const fromMs = scene.nowMs;
    const { length } = scene.sockets;
    while (scene.sockets.length === length) scene.clock.advance(10);
    gapsMs.push(scene.nowMs - fromMs);
  }
  assert.ok((gapsMs[0] ?? 0) <= 100 && gapsMs.every((ms) => ms <= 5010), String(gapsMs));
  assert.ok((gapsMs.at(-1) ?? 0) >= 2500, String(gapsMs));
  scene.socket.accept();
  scene.socket.send(Buffer.from("-NOAUTH Authentication required.\r\n"));
  assert.deepEqual(scene.losses.at(-1), ["auth", false]);
  const { length } = scene.sockets;
  scene.clock.advance(10_000);
  assert.equal(scene.sockets.length, length);
});

test("a server that does not answer is given up: sooner where it answers elsewhere", () => {
  const silent = new Scene();
  silent.socket.accept();
  silent.clock.advance(3000);
  assert.deepEqual(silent.losses, [["unresponsive", false]]);
  const half = new Scene();
  half.comeUp();
  half.clock.advance(3499);
  assert.ok(half.subscription.isUp);
  half.clock.advance(1);
  assert.equal(half.subscription.isUp, false, "stalled for 2,500 ms since the PING of 1,000 ms");
  half.subscription.noteAnswer();
  half.clock.advance(4500);
  assert.deepEqual(half.losses, [["unresponsive", true]]);
  const hanging = new Scene();
  hanging.comeUp();
  hanging.clock.advance(30_000);
  assert.deepEqual(hanging.losses, []);
  hanging.clock.advance(2000);
  assert.deepEqual(hanging.losses, [["unresponsive", true]]);
});

test("a server that only loads its data, or runs a script, has answered", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  scene.clock.advance(1500);
  assert.equal(scene.subscription.lagMs, 500);
  socket.send(Buffer.from("-LOADING Redis is loading the dataset in memory\r\n"));
  assert.equal(scene.subscription.lagMs, 0);
  assert.deepEqual(scene.losses, []);
});

test("stopped, it drops its connection, tells so once, and waits for nothing", () => {
  const scene = new Scene();
  const socket = scene.comeUp();
  scene.subscription.stop();
  scene.subscription.stop();
  assert.ok(socket.isDestroyed);
  assert.deepEqual(scene.losses, [["stopped", true]]);
  assert.equal(scene.clock.waiting, 0);
});

test("stopped between two attempts, it makes no other one", () => {
  const scene = new Scene();
  scene.comeUp().emit("close");
  scene.subscription.stop();
  scene.clock.advance(60_000);
  assert.equal(scene.sockets.length, 1);
  assert.equal(scene.clock.waiting, 0);
});
