import { once } from "node:events";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { encodeCommand, type Word } from "../../src/redis/resp.ts";

const TICK_MS = 20;

/** Commands that come at a pace until they are stopped. */
export interface SteadyLoad {
  stop(): void;
}

/**
 * Sends commands `make(0)`, `make(1)`, ... at about `perSecond`, on one connection, until it is stopped or the test `t`
 * ends. Answers are not looked at.
 */
export async function startLoad(
  t: TestContext,
  port: number,
  perSecond: number,
  make: (index: number) => readonly Word[],
): Promise<SteadyLoad> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  socket.resume();
  // The server may go first.
  socket.on("error", () => {});
  const startMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * perSecond) / 1000;
    for (; sent < due; sent++) socket.write(encodeCommand(make(sent)));
  }, TICK_MS);
  const stop = () => {
    clearInterval(timer);
    socket.destroy();
  };
  t.after(stop);
  return { stop };
}
