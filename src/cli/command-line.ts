import type { Arguments } from './command.ts';

/**
 * A command as somebody pastes it, in the tenant that this one was given: without it, an undo would act upon people of
 * another tenant. It is quoted, for what stands in it was chosen by others.
 */
export function commandLine(args: Pick<Arguments, 'text'>, ...words: readonly string[]): string {
  const tenant = args.text('tenant');
  const all = tenant === undefined ? words : [...words, '--tenant', tenant];
  return ['twinkeep', ...all.map(quoted)].join(' ');
}

/** @see POSIX.1 XCU §2.2.2: between single quotes everything stands for itself, but they */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
