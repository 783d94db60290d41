import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM texts of a server at 127.0.0.1 and localhost. */
export interface Certificates {
  /** Of the authority that signed the certificate. */
  readonly ca: string;
  readonly caFile: string;
  readonly cert: string;
  /** PKCS 8, unencrypted. */
  readonly key: string;
}

/** Makes an authority and a server's certificate in a folder, valid for a day. Throws: Error where openssl fails. */
export function makeCertificates(folder: string): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const authority = ["-subj", "/CN=keyheat test CA", "-keyout", file("ca.key"), "-out", file("ca.pem")];
  openssl("req", "-x509", ...newKey, "-days", "1", ...authority);
  openssl("req", ...newKey, "-subj", "/CN=localhost", "-keyout", file("key.pem"), "-out", file("server.csr"));
  writeFileSync(file("san.cnf"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  const signing = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "1"];
  const request = ["-in", file("server.csr"), "-extfile", file("san.cnf"), "-out", file("cert.pem")];
  openssl("x509", "-req", ...signing, ...request);
  const read = (name: string) => readFileSync(file(name), "utf8");
  return { ca: read("ca.pem"), caFile: file("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
}
