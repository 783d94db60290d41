import { tokenIn } from "./api-client.ts";
import { stopRequest } from "./stop-request.ts";
import { ApiSource } from "./view/api-source.ts";
import { printable } from "./view/display-text.ts";
import { showLiveView } from "./view/live-view.ts";
import { watch, watchedServers } from "./watch.ts";

export interface TopOptions {
  /** Servers to watch from here; without any, a running Keyheat is asked. */
  readonly redis: readonly string[];
  /** API of a running standalone or aggregator. */
  readonly url: string;
  readonly cluster?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** `keyheat top`: the live view alone. Returns the exit code. */
export async function topCommand({ redis, url, cluster, tokenFile }: TopOptions): Promise<number> {
  using stop = stopRequest();
  if (redis.length > 0) {
    const servers = watchedServers(redis, { configure: "verify" });
    const subtitle = `watching ${servers.names}`;
    await watch({ servers, texts: { title: "keyheat top", subtitle }, signal: stop });
    return 0;
  }
  const source = new ApiSource({ url, cluster, token: await tokenIn(tokenFile) });
  const from = printable(url);
  // The first scene shows at once, with its reason, whether anybody is there.
  await source.read();
  const texts = { title: "keyheat top", subtitle: `what ${from} sees`, footer: `API ${from}   Ctrl-C ends` };
  await showLiveView({ source, texts, out: process.stdout, env: process.env, signal: stop });
  return 0;
}
