import type { z } from "zod";
import { choice, file, list, name, secret, section, text } from "./scalars.ts";
import { parseTargetUrl } from "./target-url.ts";
import { tlsSection } from "./tls.ts";

const tls = tlsSection(
  "Host name that the server's certificate must carry, where it is not the one in the URL.",
);

const target = section({
  url: text({
    what: "a URL such as redis://10.0.0.1:6379",
    type: "URL (secret)",
    bounds: "`redis://`, `rediss://` (TLS) or `unix:///path`",
    max: 8192,
    secret: true,
    parse: parseTargetUrl,
  }).describe(
    "Where the server listens: `redis://host:port`, `rediss://user:password@host:port`, `redis://[::1]:6379`, `unix:///run/redis.sock`. The port is 6379 unless given. All databases of the server are watched.",
  ),
  cluster: name()
    .optional()
    .describe("The logical keyspace this server belongs to, where it is not the top level's `cluster`."),
  username: text({ max: 512 }).optional().describe("ACL user, where it is not in the URL."),
  password: secret()
    .optional()
    .describe("Password, where it is not in the URL; best from an environment variable."),
  passwordFile: file()
    .optional()
    .describe("File that holds the password, in place of `password`; a trailing newline is left off."),
  tls: tls.optional().describe("Details of TLS, for a `rediss://` URL."),
});

export const targets = list(target, { max: 1000 })
  .prefault([{ url: "redis://127.0.0.1:6379" }])
  .describe("The Redis and Valkey servers to watch, one entry a process.");

export const discovery = section({
  observe: choice(["all", "local", "listed"])
    .optional()
    .describe(
      "Which servers this process watches: `all` members of the targets' clusters, those on its own host (`local`), or only those under `targets` (`listed`). Unless given, `keyheat standalone` watches all, and an agent those on its own host. See [discovery](discovery.md).",
    ),
})
  .prefault({})
  .describe(
    "Which servers are found and watched beyond those listed: the targets are seeds, which say who else belongs to their cluster.",
  );

export type FileTarget = z.output<typeof target>;
