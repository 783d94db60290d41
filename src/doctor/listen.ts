import { createServer } from "node:net";
import { formatHostPort } from "../config/target-url.ts";
import { type Finding, Findings } from "./finding.ts";
import type { DoctorOptions } from "./options.ts";

/** Whether the API's address is free, and links in alerts lead anywhere. */
export async function examineListen({ config }: Pick<DoctorOptions, "config">): Promise<readonly Finding[]> {
  const findings = new Findings("http");
  const { host, port } = config.http.listen;
  const address = formatHostPort(host, port);
  const code = await bindProblem(host, port);
  if (code === null) findings.ok("listen", `${address} is free`);
  else if (code === "EADDRINUSE")
    findings.warn("listen", `something listens on ${address} already: a running Keyheat, or another program`);
  else findings.fail("listen", `cannot listen on ${address}: ${code}`);
  const sends = config.receivers.some((receiver) => !("log" in receiver));
  if (sends && config.http.externalUrl === undefined)
    findings.warn("links", "alerts carry no links: set http.externalUrl to where people reach the page");
  return findings.all;
}

/** The code of the error; `null`: it can be bound. */
function bindProblem(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}
