/** Not the middle, where values that rise and fall have their extreme. */
const PIVOT_AT = 0.382;

/**
 * The `rank`-th smallest of `values` (0: the smallest), in O(n) on average; reorders `values`. None may be NaN.
 *
 * Source: Hoare, "Algorithm 65: find", CACM 4(7), 1961.
 */
export function nthSmallest(values: Float64Array, rank: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[low + Math.floor((high - low) * PIVOT_AT)]!;
    let left = low;
    let right = high;
    while (left <= right) {
      while (values[left]! < pivot) left++;
      while (values[right]! > pivot) right--;
      if (left <= right) {
        const value = values[left]!;
        values[left++] = values[right]!;
        values[right--] = value;
      }
    }
    if (rank <= right) high = right;
    else if (rank >= left) low = left;
    else return pivot;
  }
  return values[rank]!;
}
