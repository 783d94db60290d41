import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** A TCP proxy on the loopback interface whose connections can go half-open. */
export class TestProxy {
  /** Connections taken since the start. */
  connections = 0;
  readonly #server = createServer({ pauseOnConnect: true }, (client) => this.#take(client));
  readonly #sockets = new Set<Socket>();
  readonly #frozen = new WeakSet<Socket>();
  readonly #targetPort: number;
  #port = 0;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
  }

  /** Forwards nothing more on the connections that are there, and closes none; new ones are served. */
  freeze(): void {
    for (const socket of this.#sockets) {
      this.#frozen.add(socket);
      socket.pause();
    }
  }

  /** The same for the connection that was taken last. */
  freezeLatest(): void {
    for (const socket of [...this.#sockets].slice(-2)) {
      this.#frozen.add(socket);
      socket.pause();
    }
  }

  /** Bytes that the server has sent on the connection that was taken last. */
  get sentOnLatest(): number {
    return [...this.#sockets].at(-1)?.bytesRead ?? 0;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #take(client: Socket): void {
    this.connections++;
    const server = connect({ port: this.#targetPort, host: "127.0.0.1", noDelay: true });
    client.setNoDelay(true);
    this.#join(client, server);
    this.#join(server, client);
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (chunk) => {
      if (!this.#frozen.has(from)) to.write(chunk);
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      if (!this.#frozen.has(from)) to.destroy();
    });
    from.resume();
  }
}

/** Starts a proxy to a port of this machine; it ends with the test `t`. */
export async function startProxy(t: TestContext, targetPort: number): Promise<TestProxy> {
  const proxy = new TestProxy(targetPort);
  await proxy.listen();
  t.after(() => proxy.close());
  return proxy;
}
