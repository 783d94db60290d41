import * as http from "node:http";
import * as https from "node:https";
import type { AgentAddress } from "../agent-connection.ts";

/** Until the answer begins, connecting included. */
const ANSWER_MS_MAX = 5000;
/** The agent says each 15 s that it is still there. */
const SILENT_MS_MAX = 45_000;

export interface StreamListener {
  /** The agent has begun to answer: its clock, ms since 1970, or `NaN`; by the monotonic clock what was sent when. */
  onOpen(agentMs: number, sentMs: number, receivedMs: number): void;
  /** A piece of the stream; what it throws ends the stream. */
  onPiece(piece: Uint8Array): void;
  /** It is over, once; `retryAfterMs`: how long the agent wants to be left alone, 0 where it said nothing. */
  onEnd(problem: string, retryAfterMs: number): void;
}

/** The `Date` of an answer leaves off what is beyond the second: half of one on average. */
const HALF_SECOND_MS = 500;

/** Listens to the hot set of an agent until that ends. Nothing of it keeps the process alive. The returned function ends it. */
export function listenTo({ url, token }: AgentAddress, listener: StreamListener): () => void {
  const isSecure = url.protocol === "https:";
  const sentMs = performance.now();
  let isOver = false;
  const end = (problem: string, retryAfterMs = 0) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    request.destroy();
    listener.onEnd(problem, retryAfterMs);
  };
  const request = (isSecure ? https : http).get(
    new URL("v1/hotset", url.href.endsWith("/") ? url : `${url.href}/`),
    {
      // A connection of its own, which ends with the stream.
      agent: false,
      headers: {
        accept: "text/event-stream",
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
    },
  );
  let timer = timerOf(ANSWER_MS_MAX, () => end("no answer in time"));
  request.on("socket", (socket) => socket.unref());
  request.on("error", (error) => end(error.message));
  request.on("close", () => end("the connection was closed"));
  request.on("response", (response) => {
    if (response.statusCode !== 200) {
      response.resume();
      end(refusal(response), retryAfterMs(response));
      return;
    }
    const { date } = response.headers;
    listener.onOpen(Date.parse(date ?? "") + HALF_SECOND_MS, sentMs, performance.now());
    const wait = () => {
      clearTimeout(timer);
      timer = timerOf(SILENT_MS_MAX, () => end("the agent has fallen silent"));
    };
    wait();
    response.on("data", (piece: Buffer) => {
      if (isOver) return;
      wait();
      try {
        listener.onPiece(piece);
      } catch (error) {
        end(error instanceof Error ? error.message : String(error));
      }
    });
    response.on("error", (error) => end(error.message));
    response.on("end", () => end("the agent has ended the stream"));
  });
  return () => {
    isOver = true;
    clearTimeout(timer);
    request.destroy();
  };
}

function timerOf(delayMs: number, task: () => void): NodeJS.Timeout {
  const timer = setTimeout(task, delayMs);
  timer.unref();
  return timer;
}

function refusal({ statusCode, headers }: http.IncomingMessage): string {
  if (statusCode === 401) return "the agent wants another token (401)";
  if (statusCode === 404) return "there is no agent at this URL (404)";
  if (headers.location !== undefined) return `the agent's URL leads elsewhere (${statusCode})`;
  return `the agent answered ${statusCode}`;
}

const RETRY_AFTER_MS_MAX = 60_000;

function retryAfterMs({ headers }: http.IncomingMessage): number {
  const seconds = Number(headers["retry-after"] ?? 0);
  return Number.isFinite(seconds) ? Math.min(RETRY_AFTER_MS_MAX, Math.max(0, seconds * 1000)) : 0;
}
