/**
 * Values as they would be typed, one a line; `⏎` stands for a line end within one, and a backslash in front of a
 * backtick or `${` for nothing.
 */
export function values({ raw }: { readonly raw: readonly string[] }): readonly string[] {
  return (raw[0] ?? '')
    .split('\n')
    .map((line) =>
      line
        .replace(/\\(?=`|\$\{)/g, '')
        .replaceAll('⏎', '\n')
        .trim(),
    )
    .filter((line) => line !== '');
}

/** Each item of one list with some of another, so that all of both occur. */
export function paired(
  lefts: readonly string[],
  rights: readonly string[],
  join: (left: string, right: string) => string,
): readonly string[] {
  const count = Math.max(lefts.length, rights.length);
  return Array.from({ length: count }, (_, i) => join(lefts[i % lefts.length] ?? '', rights[i % rights.length] ?? ''));
}
