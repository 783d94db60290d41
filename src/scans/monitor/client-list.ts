/** A client as CLIENT LIST shows it. */
export interface ListedClient {
  readonly id: number;
  /** As MONITOR names it: `127.0.0.1:50000`, `[::1]:50000`, `unix:/path`. */
  readonly monitorAddress: string;
  /** What the server holds back for it. */
  readonly outputBytes: number;
}

/** Reads the answer to CLIENT LIST. What is no client's line is left out. */
export function listedClients(text: string): ListedClient[] {
  return text.split("\n").flatMap((line) => {
    const field = (name: string) => new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1];
    const id = Number(field("id") ?? Number.NaN);
    if (!Number.isInteger(id)) return [];
    // A path may have spaces in it; of a unix socket's client the port is 0.
    const path = /(?:^| )addr=(\/.*?):0 /.exec(line)?.[1];
    const monitorAddress = path === undefined ? (field("addr") ?? "") : `unix:${path}`;
    const outputBytes = Number(field("omem") ?? 0) + Number(field("obl") ?? 0);
    return [{ id, monitorAddress, outputBytes }];
  });
}
