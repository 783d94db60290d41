/**
 * The floor: a process that reads a subscription's bytes and does nothing with them.
 *
 * `node drain-subscriber.ts PORT`; answers each IPC message with the number of bytes so far.
 */
import { connect } from "node:net";
import { encodeCommand } from "../../src/cli/demo/resp.ts";

let bytes = 0;
const socket = connect({
  port: Number(process.argv[2]),
  host: "127.0.0.1",
  noDelay: true,
  // The tap's buffer.
  onread: {
    buffer: new Uint8Array(64 * 1024),
    callback: (length) => {
      bytes += length;
      return true;
    },
  },
});
socket.write(encodeCommand(["PSUBSCRIBE", "__keyevent@*__:*"]));
process.on("message", () => process.send?.(bytes));
process.once("disconnect", () => process.exit(0));
