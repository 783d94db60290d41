import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { debianProgram } from "./debian-package.ts";
import { freePort } from "./free-port.ts";
import { startProgram } from "./started-program.ts";
import { waitFor } from "./wait.ts";

/** Debian's, with amtool beside it. */
export const ALERTMANAGER = {
  name: "alertmanager",
  packages: ["prometheus-alertmanager"],
  file: "usr/bin/prometheus-alertmanager",
} as const;

/** Where Debian's build looks for its templates: only an installation has them there. */
const BUILT_IN_FOLDER = "/usr/share/prometheus/alertmanager";
/** A folder below the working directory, whose name is as long. */
const OWN_FOLDER = "share_used".padStart(BUILT_IN_FOLDER.length, "./");

const CONFIG = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";

/** An alert as `GET /api/v2/alerts` shows it. */
export interface ShownAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly updatedAt: string;
  readonly generatorURL?: string;
  readonly status: { readonly state: "active" | "suppressed" | "unprocessed" };
}

/** A real Alertmanager, by itself, on the loopback interface. */
export interface Alertmanager {
  readonly url: string;
  /** Those that fire. */
  alerts(): Promise<readonly ShownAlert[]>;
  /** Waits until it shows exactly so many, and returns them. */
  shows(count: number): Promise<readonly ShownAlert[]>;
  /** What it counted of alerts that were sent to it, by status. */
  received(status: "firing" | "resolved"): Promise<number>;
}

/**
 * Copies the program into `folder`, so that it finds its templates there, wherever it was unpacked. Returns the copy.
 */
function relocated(path: string, folder: string): string {
  const shared = path.slice(0, -ALERTMANAGER.file.length) + BUILT_IN_FOLDER.slice(1);
  cpSync(shared, join(folder, OWN_FOLDER), { recursive: true });
  const program = readFileSync(path);
  for (let at = program.indexOf(BUILT_IN_FOLDER); at >= 0; at = program.indexOf(BUILT_IN_FOLDER, at)) {
    at += program.write(OWN_FOLDER, at);
  }
  const copy = join(folder, "alertmanager");
  writeFileSync(copy, program, { mode: 0o700 });
  return copy;
}

/** Starts one; it ends with the test `t`. */
export async function startAlertmanager(t: TestContext): Promise<Alertmanager> {
  const { path, libraryFolders } = await debianProgram(ALERTMANAGER);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "keyheat-alertmanager-"));
  const configFile = join(folder, "alertmanager.yml");
  writeFileSync(configFile, CONFIG);
  const url = `http://127.0.0.1:${port}`;
  await startProgram(t, {
    name: "Alertmanager",
    path: relocated(path, folder),
    args: [
      `--config.file=${configFile}`,
      `--storage.path=${folder}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ],
    folder,
    libraryFolders,
    isReady: async () => (await fetch(`${url}/-/ready`)).ok,
  });
  const alerts = async (): Promise<readonly ShownAlert[]> => {
    const response = await fetch(`${url}/api/v2/alerts?active=true&silenced=true&inhibited=true`);
    return JSON.parse(await response.text());
  };
  return {
    url,
    alerts,
    shows: (count) =>
      waitFor(
        `${count} alerts`,
        async () => {
          const shown = await alerts();
          if (shown.length !== count) throw new Error(`it shows ${JSON.stringify(shown)}`);
          return shown;
        },
        60_000,
        100,
      ),
    received: async (status) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const samples = text.matchAll(
        new RegExp(`^alertmanager_alerts_received_total\\{.*status="${status}".*\\} (\\d+)$`, "gm"),
      );
      return [...samples].reduce((sum, [, count]) => sum + Number(count), 0);
    },
  };
}
