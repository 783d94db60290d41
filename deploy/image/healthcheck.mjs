/**
 * The image's HEALTHCHECK: ends with 0 where Keyheat answers its probe, else with 1 and the reason.
 *
 * `/healthz` asks for no token. `KEYHEAT_HEALTH_URL` says where Keyheat listens, if it is not where its command does by
 * default.
 */
import { readFileSync } from "node:fs";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { pathToFileURL } from "node:url";

const AGENT_PORT = 9379;
const PORT = 9380;
const TIMEOUT_MS = 4000;

/** The address to ask. `commandLine` is how process 1 was started, as `/proc` has it: words that end in NUL. */
export function healthUrl(commandLine, env) {
  const { KEYHEAT_HEALTH_URL: url = "" } = env;
  if (url !== "") return url;
  const port = commandLine.split("\0").includes("agent") ? AGENT_PORT : PORT;
  return `http://127.0.0.1:${port}/healthz`;
}

/** `null`: it is well; else the reason. */
export async function problemAt(url) {
  try {
    const status = await statusOf(url);
    return status === 200 ? null : `${url} answers ${status}`;
  } catch (error) {
    return `no answer from ${url}: ${error.message}`;
  }
}

function statusOf(url) {
  const get = url.startsWith("https:") ? httpsGet : httpGet;
  // It asks the own process whether it lives; its certificate need not be one for 127.0.0.1.
  const options = { agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(TIMEOUT_MS) };
  return new Promise((resolve, reject) => {
    get(url, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).once("error", reject);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const problem = await problemAt(healthUrl(readFileSync("/proc/1/cmdline", "utf8"), process.env));
  if (problem !== null) console.error(problem);
  process.exit(problem === null ? 0 : 1);
}
