import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { duration, rate, share, size } from "../../../src/config/scalars.ts";

describe("scalars", () => {
  it("are durations in ms", () => {
    const texts = ["0ms", "250ms", "10s", "0.3s", "1.5s", "5m", "1h", "7d"];
    assert.deepEqual(
      texts.map((text) => duration().parse(text)),
      [0, 250, 10_000, 300, 1500, 300_000, 3_600_000, 604_800_000],
    );
    for (const text of [
      "10",
      10,
      "10 s",
      "-1s",
      "1m30s",
      "",
      "s",
      ".5s",
      "0.5ms",
      "8d",
      "1e3s",
      null,
      "10S",
    ]) {
      assert.equal(duration().safeParse(text).success, false, String(text));
    }
    assert.equal(duration({ min: "1s", max: "2s" }).safeParse("999ms").success, false);
  });

  it("are rates a second", () => {
    assert.deepEqual(
      ["1000/s", "600/m", "3600/h", "0.5/s"].map((text) => rate().parse(text)),
      [1000, 10, 1, 0.5],
    );
    for (const text of ["0/s", "1000", 1000, "1000/d", "-1/s", "1k/s"]) {
      assert.equal(rate().safeParse(text).success, false, String(text));
    }
  });

  it("are sizes in bytes", () => {
    const bytes = size({ min: "1B", max: "1GiB" });
    assert.deepEqual(
      ["512B", "64KiB", "4MiB", "1GiB"].map((text) => bytes.parse(text)),
      [512, 65_536, 4_194_304, 2 ** 30],
    );
    for (const text of ["4MB", "4", 4, "2GiB", "0B"])
      assert.equal(bytes.safeParse(text).success, false, String(text));
  });

  it("are shares", () => {
    assert.deepEqual(
      [0, 0.5, 1].map((value) => share({ zero: true }).safeParse(value).success),
      [true, true, true],
    );
    assert.equal(share({ zero: false }).safeParse(0).success, false);
    for (const value of [-0.1, 1.1, Number.NaN, "0.5"]) {
      assert.equal(share({ zero: true }).safeParse(value).success, false, String(value));
    }
  });
});
