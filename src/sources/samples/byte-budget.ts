/** Memory that the open panes of all targets take, in bytes (estimates from above), against one limit. */
export class ByteBudget {
  readonly max: number;
  used = 0;

  constructor(max: number) {
    this.max = max;
  }

  hasRoomFor(bytes: number): boolean {
    return this.used + bytes <= this.max;
  }
}
