import { silentLogger } from "../runtime/logger.ts";
import { ApiRefusal, tokenIn } from "./api-client.ts";
import { stopRequest } from "./stop-request.ts";
import { readFirstWindow, unseenReason } from "./top/first-window.ts";
import { writeJsonLines } from "./top/json-lines.ts";
import { onceText } from "./top/once.ts";
import { selectionOf, type TopIo, type TopOptions } from "./top/options.ts";
import { ApiSource } from "./view/api-source.ts";
import { printable } from "./view/display-text.ts";
import { keysToAsk } from "./view/key-order.ts";
import { showLiveView } from "./view/live-view.ts";
import { NO_TRAILS } from "./view/trails.ts";
import { viewLogger, watchedServers, whileWatching } from "./watch.ts";

const DONE = 0;
const USAGE = 2;
const BAD_REQUEST = 400;
const TITLE = "keyheat top";

/**
 * `keyheat top`: the hottest keys as a live view, once, or as JSON. Returns the exit code.
 *
 * Throws: ConfigError; Error where nobody answers, or no server was seen.
 */
export async function topCommand(options: TopOptions, io: TopIo): Promise<number> {
  using stop = stopRequest();
  const { seconds } = options;
  const limit = seconds === undefined ? [] : [AbortSignal.timeout(seconds * 1000)];
  const signal = AbortSignal.any([stop, ...limit]);
  try {
    if (options.redis.length > 0) await topOfServers(options, io, signal);
    else await topOfApi(options, io, signal);
    return DONE;
  } catch (error) {
    // What the API does not take was typed here.
    if (!(error instanceof ApiRefusal) || error.status !== BAD_REQUEST) throw error;
    io.err.write(`error: ${error.message}\n`);
    return USAGE;
  }
}

async function topOfApi(options: TopOptions, io: TopIo, signal: AbortSignal): Promise<void> {
  const { url, cluster } = options;
  const window = windowText(options);
  const source = new ApiSource({ url, cluster, window, token: await tokenIn(options.tokenFile) });
  const from = printable(url);
  const texts = { title: TITLE, subtitle: `what ${from} sees`, footer: `API ${from}` };
  if (options.once === true) {
    const bodies = await source.readBodies({ keysMax: keysToAsk(selectionOf(options)) });
    await write(io, onceText({ bodies, trails: NO_TRAILS }, options, { ...texts, footer: "" }, io));
    return;
  }
  await show(source, texts, options, io, signal);
}

/** Slack for the start of the pipeline and for what comes late. */
const FIRST_WINDOW_SLACK_MS = 15_000;
const USUAL_WINDOW_MS = 10_000;

async function topOfServers(options: TopOptions, io: TopIo, signal: AbortSignal): Promise<void> {
  const { redis, window: windowMs } = options;
  // Nobody needs to know its API: any port does.
  const servers = watchedServers(redis, { configure: "verify", port: 0, windowMs });
  const texts = { title: TITLE, subtitle: `watching ${servers.names}`, footer: "" };
  const isView = options.once !== true && options.json !== true;
  await whileWatching(servers, isView ? viewLogger() : silentLogger, async (url) => {
    const source = new ApiSource({ url, window: windowText(options) });
    if (options.once !== true) {
      await show(source, texts, options, io, signal);
      return;
    }
    const waitMs = (windowMs ?? USUAL_WINDOW_MS) + FIRST_WINDOW_SLACK_MS;
    io.err.write(`keyheat: watching ${servers.names} until a whole window has been seen\n`);
    const end = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
    const reading = await readFirstWindow(source, { keysMax: keysToAsk(selectionOf(options)) }, end);
    await write(io, onceText(reading, options, texts, io));
    const reason = unseenReason(reading.bodies);
    if (reason !== null) throw new Error(printable(reason));
  });
}

async function show(
  source: ApiSource,
  texts: { readonly title: string; readonly subtitle: string; readonly footer: string },
  options: TopOptions,
  io: TopIo,
  signal: AbortSignal,
): Promise<void> {
  const selection = selectionOf(options);
  if (options.json === true) {
    await writeJsonLines(source, selection, io, signal);
    return;
  }
  // The first answer shows, with its reason, whether anybody is there.
  await source.read({ keysMax: keysToAsk(selection) });
  const { out, input, env } = io;
  await showLiveView({ source, texts, selection, out, input, env, signal });
}

function windowText({ window }: TopOptions): string | undefined {
  return window === undefined ? undefined : `${window}ms`;
}

/** Resolves when the text is written: the process ends right after that. */
async function write({ out }: Pick<TopIo, "out">, text: string): Promise<void> {
  await new Promise<void>((resolve) => out.write(text, () => resolve()));
}
