/** What is wrong with a body, and where. */
export interface FieldProblem {
  /** `samples[3].key`; empty: the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** The first bad field of a body. Caught by the decoder: nobody else sees it. */
export class BadField extends Error {
  override readonly name = "BadField";
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}
