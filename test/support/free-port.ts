import { createServer, type Server } from "node:net";

/**
 * Below the ports that systems give to outgoing connections (Linux: from 32,768 on): one of those may be taken by any
 * client of any test between here and the start of the server that is to listen on it.
 */
const FIRST_PORT = 10_000;
const BLOCK_PORTS = 50;
const BLOCKS = 450;

interface Block {
  /** Listens on the block's first port for as long as this process lives: what keeps others out of the block. */
  readonly guard: Server;
  next: number;
  readonly end: number;
}

let block: Promise<Block> | null = null;

/**
 * A TCP port of the loopback interface that nobody listens on, and that nobody else is told of: test files run side by
 * side, each with blocks of its own.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    block ??= takeBlock();
    const current = block;
    const own = await current;
    if (own.next === own.end) {
      if (block === current) block = null;
      continue;
    }
    const port = own.next++;
    const probe = await listen(port);
    if (probe === null) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

async function takeBlock(): Promise<Block> {
  const offset = Math.floor(Math.random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const first = FIRST_PORT + ((offset + i) % BLOCKS) * BLOCK_PORTS;
    const guard = await listen(first);
    if (guard === null) continue;
    guard.unref();
    return { guard, next: first + 1, end: first + BLOCK_PORTS };
  }
  throw new Error(`no block of ${BLOCK_PORTS} ports is free from ${FIRST_PORT} on`);
}

/** `null` where the port is taken. */
function listen(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}
