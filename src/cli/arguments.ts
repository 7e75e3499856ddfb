import { parseArgs } from 'node:util';
import { closest } from './closest.ts';
import type { Arguments, Command, Option } from './command.ts';
import { usageFault } from './errors.ts';

/** Options that every command has. */
export const COMMON: Readonly<Record<string, Option>> = {
  json: { summary: 'Print one JSON value instead of text; errors too, on standard error.' },
  help: { summary: 'Show this help.' },
};

type Typed = Map<string, readonly string[]>;

/**
 * What stands behind a command's name.
 *
 * @throws CLI_USAGE naming what is unknown, missing or too much; never the value of an option, which may be a secret
 */
export function readArguments(command: Command, argv: readonly string[]): Arguments {
  const options = { ...command.options, ...COMMON };
  const typed: Typed = new Map();
  const operands: string[] = [];
  for (const token of tokensOf(options, argv)) {
    if (token.kind === 'positional') operands.push(token.value);
    else if (token.kind === 'option') readOption(options, typed, token);
  }
  if (!typed.has('help')) assertComplete(command, typed, operands);
  return {
    operand: (at) => {
      const value = operands[at];
      if (value === undefined) throw new TypeError(`${command.name} has no operand ${at}`);
      return value;
    },
    text: (name) => typed.get(name)?.[0],
    list: (name) => typed.get(name) ?? [],
    flag: (name) => typed.has(name),
  };
}

function tokensOf(options: Readonly<Record<string, Option>>, argv: readonly string[]) {
  const known = Object.entries(options).map(([name, { value }]) => {
    const type = value === undefined ? ('boolean' as const) : ('string' as const);
    return [name, name === 'help' ? { type, short: 'h' } : { type }] as const;
  });
  const parsed = parseArgs({
    args: [...argv],
    options: Object.fromEntries(known),
    strict: false, // the refusals are ours: they name the closest option and repeat no value
    allowPositionals: true,
    tokens: true,
  });
  return parsed.tokens;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function readOption(options: Readonly<Record<string, Option>>, typed: Typed, token: OptionToken): void {
  const { name, rawName, value, inlineValue } = token;
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option === undefined) {
    const near = closest(name, Object.keys(options));
    throw usageFault(`unknown option ${rawName}${near === undefined ? '' : `; did you mean --${near}?`}`);
  }
  if (option.value === undefined) {
    if (value !== undefined) throw usageFault(`${rawName} takes no value`);
    typed.set(name, []);
    return;
  }
  if (value === undefined || (!inlineValue && value.startsWith('-') && value !== '-')) {
    throw usageFault(`${rawName} needs a value: ${rawName} ${option.value}`);
  }
  const before = typed.get(name);
  if (before !== undefined && option.several === undefined) throw usageFault(`${rawName} is given twice`);
  typed.set(name, [...(before ?? []), value]);
}

function assertComplete(command: Command, typed: Typed, operands: readonly string[]): void {
  const missing = command.operands[operands.length];
  if (missing !== undefined) throw usageFault(`${command.name} needs ${missing}`);
  const extra = operands[command.operands.length];
  if (extra !== undefined) throw usageFault(`${command.name} does not take "${extra}"`);
  for (const [name, { required, value }] of Object.entries(command.options)) {
    if (required && !typed.has(name)) throw usageFault(`${command.name} needs --${name} ${value}`);
  }
}
