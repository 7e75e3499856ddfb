import { readArguments } from './arguments.ts';
import { closest } from './closest.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { usageFault } from './errors.ts';
import { helpOf, overviewOf } from './help.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/**
 * Runs what was typed.
 *
 * @returns the exit code: 0 done, 1 failed, 2 not understood
 */
export async function run(argv: readonly string[]): Promise<number> {
  const terminal = createTerminal(argv.includes('--json'));
  try {
    return await dispatch(argv, terminal);
  } catch (error) {
    const { explain } = await import('./explain.ts');
    return explain(error, terminal);
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [first = '', ...rest] = argv;
  if (first === '--version' || first === '-v') return dispatch(['version', ...rest], terminal);
  if (first === 'help') return dispatch([...rest, '--help'], terminal);
  if (first === '--help' || first === '-h') {
    process.stdout.write(`${overviewOf(COMMANDS)}\n`);
    return 0;
  }
  const command = commandOf(argv);
  if (command === undefined) return overview(argv);
  const args = readArguments(command, argv.slice(wordsOf(command)));
  if (args.flag('help')) {
    process.stdout.write(`${helpOf(command)}\n`);
    return 0;
  }
  const work = await command.load();
  return (await work(args, terminal)) ?? 0;
}

const wordsOf = ({ name }: Command): number => name.split(' ').length;

function commandOf(argv: readonly string[]): Command | undefined {
  return COMMANDS.find((command) => argv.slice(0, wordsOf(command)).join(' ') === command.name);
}

/** No command, or half of one: says what there is. */
function overview(argv: readonly string[]): number {
  const [first, second] = argv;
  const inGroup = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (first !== undefined && inGroup.length === 0) throw unknown(argv);
  if (second !== undefined && !second.startsWith('-')) throw unknown(argv);
  const asked = argv.includes('--help') || argv.includes('-h');
  const text = `${overviewOf(first === undefined ? COMMANDS : inGroup)}\n`;
  if (asked) process.stdout.write(text);
  else process.stderr.write(text);
  return asked ? 0 : 2;
}

function unknown(argv: readonly string[]): Error {
  const [first = '', second] = argv;
  const names = COMMANDS.map(({ name }) => name);
  const groups = [...new Set(names.map((name) => name.split(' ', 1)[0] ?? name))];
  const pair = second === undefined || second.startsWith('-') ? undefined : closest(`${first} ${second}`, names);
  const near = pair ?? closest(first, [...names, ...groups]);
  const isGroup = groups.includes(first) && second !== undefined;
  const typed = isGroup ? `${first} ${second}` : first;
  const hint = near === undefined ? 'see: twinkeep --help' : `did you mean "${near}"?`;
  const kind = first.startsWith('-') ? 'option' : 'command';
  return usageFault(`unknown ${kind} ${typed}; ${hint}`);
}
