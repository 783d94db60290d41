import { grantCommandsLine } from "../../redis/acl.ts";
import { type Info, infoNumber, parseInfo } from "../../redis/info.ts";
import { TargetError } from "../../redis/problem.ts";
import { isNoPermission } from "../../redis/reply-problem.ts";
import type { Answer } from "../../redis/session.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ScanServer } from "../scan-server.ts";
import { type ListedClient, listedClients } from "./client-list.ts";
import type { ServerFigures } from "./guard.ts";

const COMMANDS = "total_commands_processed";

/**
 * Asks a server, on a connection of its own, for what the guard watches: commands that it ran, and how much it holds
 * back for the client with MONITOR: by CLIENT LIST, else by how much INFO's figures for all clients have grown.
 */
export class FiguresReader {
  /** Where these questions come from, as MONITOR names it; `null`: not known. */
  ownAddress: string | null = null;
  readonly #server: ScanServer;
  readonly #clock: Clock;
  /** Of the client that is watched; `null`: by INFO alone. */
  #clientId: number | null = null;
  #firstBytes: number | null = null;
  #asked = 0;

  constructor(server: ScanServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /**
   * Finds out how the client `clientId` (`null`: the server does not say who it is) can be watched.
   *
   * Throws: `TargetError`, with the right to grant, where it cannot.
   */
  async prepare(clientId: number | null): Promise<void> {
    const [own] = await this.#ask([["CLIENT", "ID"]]);
    const ids = [clientId, numberOf(own)].filter((id) => id !== null);
    const [info, list] = await this.#ask([["INFO"], ["CLIENT", "LIST", "ID", ...ids]]);
    const fields = infoOf(info);
    if (fields === null || infoNumber(fields, COMMANDS) === null) throw this.#unwatchable(["info"], info);
    const clients = listOf(list);
    const listed = clients.find(({ id }) => id === numberOf(own))?.monitorAddress;
    // A proxy's address would be another: then nothing is taken for ours.
    this.ownAddress = listed ?? this.#server.live.session.ownEnd;
    if (clients.some(({ id }) => id === clientId)) this.#clientId = clientId;
    else if (clientBytesOf(fields) === null) throw this.#unwatchable(["client|id", "client|list"], list);
  }

  /** Throws: `TargetError`. */
  async read(): Promise<ServerFigures> {
    const id = this.#clientId;
    // All sections cost the server more.
    const lines =
      id === null
        ? [["INFO"]]
        : [
            ["INFO", "stats"],
            ["CLIENT", "LIST", "ID", id],
          ];
    const [info, list] = await this.#ask(lines);
    const fields = infoOf(info);
    const commands = fields && infoNumber(fields, COMMANDS);
    if (fields === null || commands === null) throw this.#server.refused("info", errorOf(info));
    if (list !== undefined && "error" in list) throw this.#server.refused("client|list", list.error);
    return {
      atMs: this.#clock.monotonic(),
      commands: commands - this.#asked,
      outputBytes: id === null ? this.#growth(fields) : (listOf(list)[0]?.outputBytes ?? null),
    };
  }

  /** Another connection of ours ran so many commands: they are not the server's load. */
  noteOwn(commands: number): void {
    this.#asked += commands;
  }

  #growth(fields: Info): number {
    const bytes = clientBytesOf(fields) ?? 0;
    this.#firstBytes ??= bytes;
    return bytes - this.#firstBytes;
  }

  async #ask(lines: readonly (readonly (string | number)[])[]): Promise<readonly Answer[]> {
    this.#asked += lines.length;
    return await this.#server.live.session.ask(lines);
  }

  #unwatchable(rights: readonly string[], answer: Answer | undefined): TargetError {
    const { username } = this.#server.target;
    const reply = errorOf(answer);
    const [right = ""] = rights.slice(-1);
    const reason = isNoPermission(reply)
      ? `run: ${grantCommandsLine(username, rights)}`
      : this.#server.refused(right, reply).message;
    const message = `what MONITOR costs the server cannot be watched, so it is not begun; ${reason}`;
    return new TargetError({ code: "REFUSED", message, retryable: false });
  }
}

function numberOf(answer: Answer | undefined): number | null {
  return answer !== undefined && "value" in answer && typeof answer.value === "number" ? answer.value : null;
}

function errorOf(answer: Answer | undefined): string {
  return answer !== undefined && "error" in answer ? answer.error : "";
}

function infoOf(answer: Answer | undefined): Info | null {
  return answer !== undefined && "value" in answer ? parseInfo(String(answer.value)) : null;
}

function listOf(answer: Answer | undefined): readonly ListedClient[] {
  return answer !== undefined && "value" in answer ? listedClients(String(answer.value)) : [];
}

/** What the server holds for all its clients, as far as INFO says; `null`: it does not. */
function clientBytesOf(fields: Info): number | null {
  return infoNumber(fields, "mem_clients_normal") ?? infoNumber(fields, "client_recent_max_output_buffer");
}
