/** Takes batches of samples and forgets them: a process of its own, so that its CPU is not the app's. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(202, { "content-type": "application/json" });
    response.end(JSON.stringify({ accepted: 0, dropped: 0, nowMs: Date.now() }));
  });
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
