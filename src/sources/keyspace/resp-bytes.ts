/** Bytes that frames and channel names are told apart by. */
export const LF = 10;
export const CR = 13;
export const DOLLAR = 36;
export const STAR = 42;
export const PLUS = 43;
export const MINUS = 45;
export const ZERO = 48;
export const NINE = 57;
export const COLON = 58;
export const GREATER = 62;
export const UNDERSCORE = 95;
