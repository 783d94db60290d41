/** Set-up cannot go on; the message says in one line what to do. */
export class SetupError extends Error {
  name = "SetupError";

  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function progress(line) {
  console.error(`keyheat: ${line}`);
}
