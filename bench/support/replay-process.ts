import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("replay-proxy.ts", import.meta.url));

/** A proxy before a server, in a process of its own: who subscribes through it gets recorded frames. */
export interface ReplayProcess extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Sends so many copies of the frames. Resolves with the time until the kernel had the last of them, in ms. */
  replay(copies: number): Promise<number>;
}

export async function startReplay(serverPort: number, frames: Buffer): Promise<ReplayProcess> {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-replay-"));
  const file = join(folder, "frames");
  await writeFile(file, frames);
  const execArgv = process.execArgv.filter((flag) => flag === "--experimental-strip-types");
  const child = fork(SCRIPT, [String(serverPort), file], { execArgv });
  const exited = once(child, "exit").then(() => {
    throw new Error("the proxy ended");
  });
  exited.catch(() => {});
  const answer = async <Answer>() => {
    const [message] = await Promise.race([once(child, "message"), exited]);
    return message as Answer;
  };
  const { port } = await answer<{ port: number }>();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    replay: async (copies) => {
      const answered = answer<{ tookMs: number }>();
      child.send({ copies });
      return (await answered).tookMs;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect();
      await exited.catch(() => {});
      await rm(folder, { recursive: true, force: true });
    },
  };
}
