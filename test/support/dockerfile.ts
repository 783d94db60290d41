/** One instruction of a Dockerfile, with its continued lines joined. */
export interface Instruction {
  /** Upper case: `COPY`. */
  readonly name: string;
  /** `--from=build` as `from: "build"`. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows the flags, as it is written. */
  readonly text: string;
}

export interface Stage {
  readonly name: string;
  /** Name of an earlier stage, or of an image. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

const CONTINUED = /\s*\\\n\s*/g;
const FLAG = /^--([a-z-]+)=(\S+)\s+/;
const FROM = /^(\S+)(?: AS (\S+))?$/;

/** Reads the stages of a Dockerfile. Throws: Error for a line that it cannot read. */
export function parseDockerfile(text: string): readonly Stage[] {
  const isInstruction = (line: string) => line.trim() !== "" && !line.startsWith("#");
  const lines = text.replaceAll(CONTINUED, " ").split("\n").filter(isInstruction);
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const instruction of lines.map(parseLine)) {
    if (instruction.name === "FROM") stages.push(stageOf(instruction));
    else if (stages.length > 0) stages.at(-1)?.instructions.push(instruction);
    else throw new Error(`${instruction.name} comes before the first FROM`);
  }
  return stages;
}

function parseLine(line: string): Instruction {
  const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
  if (name === undefined || rest === undefined) throw new Error(`not an instruction: ${line}`);
  const flags: Record<string, string> = {};
  let text = rest;
  for (let flag = FLAG.exec(text); flag !== null; flag = FLAG.exec(text)) {
    const [whole, key = "", value = ""] = flag;
    flags[key] = value;
    text = text.slice(whole.length);
  }
  return { name, flags, text: text.trim() };
}

function stageOf({ text }: Instruction) {
  const [, base, name] = FROM.exec(text) ?? [];
  if (base === undefined) throw new Error(`not a stage: FROM ${text}`);
  return { name: name ?? "", base, instructions: [] };
}

/** The words of an instruction in exec form, `["keyheat", "--help"]`. Throws: Error for the shell form. */
export function execForm({ name, text }: Instruction): readonly string[] {
  const command = name === "HEALTHCHECK" ? text.replace(/^CMD\s+/, "") : text;
  if (!command.startsWith("[")) throw new Error(`${name} has the shell form: ${text}`);
  return JSON.parse(command);
}

/** The one instruction of that name. Throws: Error where there is none, or more. */
export function only(stage: Stage, name: string): Instruction {
  const found = stage.instructions.filter((one) => one.name === name);
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw new Error(`stage ${stage.name} has ${found.length} times ${name}`);
  }
  return first;
}
