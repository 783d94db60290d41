import { file, section, text } from "./scalars.ts";

/** How to trust a server, and to be trusted by it. `servername`: what that key says. */
export function tlsSection(servername: string) {
  return section({
    caFile: file()
      .optional()
      .describe("Certificates (PEM) of the authorities to trust, in place of the system's."),
    certFile: file().optional().describe("Client certificate (PEM), with `keyFile`."),
    keyFile: file().optional().describe("Private key (PEM) of the client certificate."),
    servername: text({ what: "a host name" }).optional().describe(servername),
  });
}
