import { COMMON } from './arguments.ts';
import type { Command, Option } from './command.ts';

/** The help of one command. */
export function helpOf(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON });
  const names = options.map(([name, option]) => `--${nameOf(name, option)}`);
  const width = Math.max(...names.map((name) => name.length));
  return [
    command.summary,
    '',
    `usage: ${usageOf(command)}`,
    '',
    ...options.map(([, { summary }], at) => `  ${(names[at] ?? '').padEnd(width)}  ${summary}`),
    '',
    `example: ${command.example}`,
  ].join('\n');
}

function usageOf({ name, operands, options }: Command): string {
  const required = Object.entries(options).filter(([, option]) => option.required);
  const asked = required.map(([name, option]) => `--${nameOf(name, option)}`);
  return ['twinkeep', name, ...operands, ...asked, '[options]'].join(' ');
}

const nameOf = (name: string, { value, several }: Option): string =>
  `${name}${value === undefined ? '' : ` ${value}`}${several ? ' (repeat)' : ''}`;

/** Every command with its summary, or those of a group. */
export function overviewOf(commands: readonly Command[]): string {
  const names = commands.map(({ name, operands }) => [name, ...operands].join(' '));
  const width = Math.max(...names.map((name) => name.length));
  return [
    'Twinkeep: the security platform for digital twins.',
    '',
    'usage: twinkeep <command> [options]',
    '',
    ...commands.map(({ summary }, at) => `  ${(names[at] ?? '').padEnd(width)}  ${summary}`),
    '',
    'Settings come from TWINKEEP_… variables and twinkeep.config.ts. Exit codes: 0 done, 1 failed, 2 not understood.',
    'More about one: twinkeep <command> --help',
  ].join('\n');
}
