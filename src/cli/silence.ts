import { z } from "zod";
import { keep, keyLabel } from "../model/key.ts";
import { MATCHER_NAMES, type SilenceMatchers } from "../model/silence.ts";
import { ApiClient, ApiRefusal, tokenIn } from "./api-client.ts";
import { printable } from "./view/display-text.ts";
import { type Column, tableLines } from "./view/table.ts";

/** Which API is asked. */
export interface SilenceApiOptions {
  readonly url: string;
  readonly tokenFile?: string;
}

export interface AddSilenceOptions extends SilenceApiOptions, SilenceMatchers {
  readonly for?: string;
  readonly until?: string;
  readonly comment?: string;
  readonly by?: string;
}

export interface SilenceIo {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DONE = 0;
const USAGE = 2;
const BAD_REQUEST = 400;
/** Aggregators answer when it was written to Kafka, or could not be for 5 s. */
const TIMEOUT_MS = 10_000;

const made = z.object({ id: z.string() });
const glob = z.string().optional();
const silence = z.object({
  id: z.string(),
  matchers: z.object({
    cluster: glob,
    key: glob,
    rule: glob,
    target: glob,
    severity: glob,
    pattern: glob,
    service: glob,
  }),
  startsAt: z.iso.datetime(),
  endsAt: z.iso.datetime(),
  comment: z.string(),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  state: z.enum(["pending", "active", "expired"]),
});
const silences = z.object({ silences: z.array(silence) });

/** `keyheat silence add`: prints the id of the new silence. Returns the exit code. Throws: Error. */
export async function addCommand(options: AddSilenceOptions, { out, err, env }: SilenceIo): Promise<number> {
  const { for: duration, until, comment = "", by = env.USER ?? "" } = options;
  const given = MATCHER_NAMES.filter((name) => options[name] !== undefined);
  const problem = usageProblem(given.length, duration ?? until);
  if (problem !== null) {
    err.write(`error: ${problem}\n`);
    return USAGE;
  }
  const client = await clientOf(options);
  const body = {
    matchers: Object.fromEntries(given.map((name) => [name, options[name]])),
    ...(duration === undefined ? { endsAt: until } : { duration }),
    comment,
    createdBy: by,
  };
  try {
    const { id } = await client.ask("/api/v1/silences", made, { method: "POST", body, accepted: [201] });
    out.write(`${printable(id)}\n`);
    return DONE;
  } catch (error) {
    // What the API does not take was typed here.
    if (!(error instanceof ApiRefusal) || error.status !== BAD_REQUEST) throw error;
    err.write(`error: ${error.message}\n`);
    return USAGE;
  }
}

function usageProblem(matchers: number, end: string | undefined): string | null {
  if (matchers === 0) {
    return `at least one of ${MATCHER_NAMES.map((name) => `--${name}`).join(", ")} is needed`;
  }
  return end === undefined ? "--for or --until is needed" : null;
}

/** `keyheat silence list`: a line each, or JSON. Returns the exit code. Throws: Error. */
export async function listCommand(
  { json = false, ...options }: SilenceApiOptions & { readonly json?: boolean },
  { out }: Pick<SilenceIo, "out">,
): Promise<number> {
  const body = await (await clientOf(options)).ask("/api/v1/silences", silences);
  if (json) out.write(`${JSON.stringify(body, null, 2)}\n`);
  else out.write(`${tableOf(body.silences).join("\n")}\n`);
  return DONE;
}

/** `keyheat silence remove`. Returns the exit code. Throws: Error. */
export async function removeCommand(id: string, options: SilenceApiOptions): Promise<number> {
  const client = await clientOf(options);
  const path = `/api/v1/silences/${encodeURIComponent(id)}`;
  await client.ask(path, z.null(), { method: "DELETE", accepted: [204] });
  return DONE;
}

async function clientOf({ url, tokenFile }: SilenceApiOptions): Promise<ApiClient> {
  return new ApiClient({ url, token: await tokenIn(tokenFile), timeoutMs: TIMEOUT_MS });
}

type SilenceRow = z.output<typeof silence>;

const COLUMNS: readonly Column<SilenceRow>[] = [
  { head: "ID", cell: ({ id }) => printable(id) },
  { head: "STATE", cell: ({ state }) => state },
  { head: "STARTS", cell: ({ startsAt }) => secondsOf(startsAt) },
  { head: "ENDS", cell: ({ endsAt }) => secondsOf(endsAt) },
  { head: "MATCHES", cell: ({ matchers }) => matchesText(matchers) },
  { head: "BY", cell: ({ createdBy }) => printable(createdBy) },
  { head: "COMMENT", cell: ({ comment }) => printable(comment) },
];

function tableOf(rows: readonly SilenceRow[]): string[] {
  return rows.length === 0 ? ["there are no silences"] : tableLines(COLUMNS, rows);
}

function matchesText(matchers: SilenceRow["matchers"]): string {
  const parts = MATCHER_NAMES.flatMap((name) => {
    const one = matchers[name];
    if (one === undefined) return [];
    return [`${name}=${name === "key" ? keyLabel(keep(Buffer.from(one))) : printable(one)}`];
  });
  return parts.join(" ");
}

function secondsOf(time: string): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
