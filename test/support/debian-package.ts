import {
  type DebianProgram,
  fetchFromDebian,
  type UnpackedServer,
  unpackedServers,
} from "../../src/cli/demo/debian-package.ts";
import { userCacheFolder } from "../../src/cli/demo/redis-server.ts";

/** A program of Debian, unpacked into the user's cache, now or earlier; nothing is installed. */
export async function debianProgram(program: DebianProgram): Promise<UnpackedServer> {
  const cacheFolder = userCacheFolder(process.env);
  const [newest] = await unpackedServers(cacheFolder, program);
  return newest ?? (await fetchFromDebian({ cacheFolder, env: process.env, progress: () => {} }, program));
}
