import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Makes an authority in `folder`, and a certificate of its for localhost and 127.0.0.1: paths of PEM files. */
export function makeCertificates(folder: string) {
  const [ca, cert, key, caKey, request] = ["ca.pem", "cert.pem", "key.pem", "ca-key.pem", "request.pem"].map(
    (name) => join(folder, name),
  ) as [string, string, string, string, string];
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...elliptic,
    "-keyout",
    caKey,
    "-out",
    ca,
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
  );
  openssl("req", ...elliptic, "-keyout", key, "-out", request, "-subj", "/CN=localhost");
  const names = join(folder, "names.cnf");
  execFileSync("sh", ["-c", `echo subjectAltName=DNS:localhost,IP:127.0.0.1 > '${names}'`]);
  const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2", "-extfile", names];
  openssl("x509", "-req", "-in", request, ...signing, "-out", cert);
  return { ca, cert, key };
}
