import { type Browser, chromium } from "playwright-core";
import { debianProgram } from "./debian-package.ts";

/** Chromium without a window, which needs no desktop's libraries. */
const CHROMIUM = {
  name: "chromium-headless-shell",
  packages: ["chromium-headless-shell", "chromium-common"],
  file: "usr/lib/chromium/chromium-headless-shell",
} as const;

/**
 * A browser: the one that `KEYHEAT_CHROMIUM` names, else Debian's, from the cache or fetched into it (some 65 MB, and the
 * libraries that the machine lacks); nothing is installed.
 *
 * Throws: Error where none can be had or started. The caller closes it.
 */
export async function launchBrowser(): Promise<Browser> {
  const { KEYHEAT_CHROMIUM: named = "", ...env } = process.env;
  const { path, libraryFolders } =
    named === "" ? await debianProgram(CHROMIUM) : { path: named, libraryFolders: [] };
  return await chromium.launch({
    executablePath: path,
    // The sandbox needs rights that containers, and root itself, do not have; the pages are our own.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    env: { ...env, LD_LIBRARY_PATH: libraryFolders.join(":") },
    timeout: 60_000,
  });
}

/** The same for a test file: `skip` says why its tests cannot run here. With `CI=true` they have to: it throws then. */
export async function findBrowser(): Promise<{ browser: Browser | null; skip: string | false }> {
  try {
    return { browser: await launchBrowser(), skip: false };
  } catch (error) {
    if (process.env.CI === "true") throw error;
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    console.warn(`NOT TESTED WITH A BROWSER: ${reason}`);
    return { browser: null, skip: `no Chromium to test with: ${reason}` };
  }
}
