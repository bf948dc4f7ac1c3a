interface Reading<T> {
  readonly at: number;
  readonly value: Promise<T>;
}

/**
 * `read`, but what was read of the same thing within `ms` is given again: open pages look every few seconds, a block or
 * a round takes longer, and chains count requests. What failed is read again at once.
 */
export function recently<K extends object, T>(
  ms: number,
  read: (of: K) => Promise<T>,
): (of: K, now: number) => Promise<T> {
  const readings = new WeakMap<K, Reading<T>>();
  return (of, now) => {
    const before = readings.get(of);
    if (before && now - before.at < ms) return before.value;
    const reading = { at: now, value: read(of) };
    readings.set(of, reading);
    reading.value.catch(() => {
      if (readings.get(of) === reading) readings.delete(of);
    });
    return reading.value;
  };
}
