import type { Terminal } from './terminal.ts';

/** One option of a command. A flag takes no value. */
export interface Option {
  /** How its value is called in the help; a flag has none. */
  readonly value?: string;
  /** May be given several times. */
  readonly several?: true;
  readonly required?: true;
  readonly summary: string;
}

/** Of every command that acts in one tenant. */
export const tenantOption: Option = { value: 'T', summary: 'Act in this tenant (default: main).' };

/** What was typed behind the name of a command, checked against it. */
export interface Arguments {
  /** @throws TypeError for one that the command does not have */
  operand(at: number): string;
  text(option: string): string | undefined;
  list(option: string): readonly string[];
  flag(option: string): boolean;
}

/** @returns the exit code; 0 where it says nothing */
export type Run = (args: Arguments, terminal: Terminal) => Promise<number | undefined>;

/** One command as data: the help and the parser read the same value. */
export interface Command {
  /** One word to three. */
  readonly name: string;
  readonly operands: readonly string[];
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  readonly example: string;
  /** Its code is loaded only when it runs. */
  readonly load: () => Promise<Run>;
}
