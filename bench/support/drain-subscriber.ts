/**
 * The floor: a process that reads a subscription's bytes and does nothing with them.
 *
 * `node drain-subscriber.ts PORT [COMMAND...]`; answers each IPC message with the number of bytes so far. The command
 * is the one after which the server sends what is to be drained: a subscription to all keyspace events by default.
 */
import { connect } from "node:net";
import { encodeCommand } from "../../src/redis/resp.ts";

const [port, ...given] = process.argv.slice(2);
const command = given.length > 0 ? given : ["PSUBSCRIBE", "__keyevent@*__:*"];
let bytes = 0;
const socket = connect({
  port: Number(port),
  host: "127.0.0.1",
  // The tap's options.
  noDelay: true,
  onread: {
    buffer: new Uint8Array(64 * 1024),
    callback: (length) => {
      bytes += length;
      return true;
    },
  },
});
socket.write(encodeCommand(command));
process.on("message", () => process.send?.(bytes));
process.once("disconnect", () => process.exit(0));
