/** Objects are merged member by member; of everything else the one on top stands. */
export function merge(base: object, over: object): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isPlain(value) && isPlain(below) ? merge(below, value) : value;
  }
  return merged;
}

export const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
