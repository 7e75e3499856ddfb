import { readFileSync } from 'node:fs';
import type { Config } from '../app/index.ts';
import { detectionConfig } from '../detection/index.ts';
import type { Arguments } from './command.ts';
import { failure, usageFault } from './errors.ts';

type Inspection = Config['detection']['inspection'];

const CHANGES = ['rules', 'threshold', 'exceptions', 'model'] as const;

/** What the options make of the settings in force. @throws CLI_USAGE, CLI_FAILED */
export function changedBy(args: Arguments, inspection: Inspection): Inspection {
  const [rulesFile, threshold, exceptions, model] = CHANGES.map(args.text);
  if (model !== undefined && model !== 'on' && model !== 'off') throw usageFault('--model must be on or off');
  const changed = {
    ...inspection,
    ...(rulesFile === undefined ? {} : { rulesFile }),
    ...(threshold === undefined ? {} : { threshold: Number(threshold) }),
    ...(exceptions === undefined ? {} : { exceptions: exceptionsOf(exceptions) }),
    ...(model === undefined ? {} : { model: model === 'on' }),
  };
  const parsed = detectionConfig.safeParse({ inspection: changed });
  if (parsed.success) return parsed.data.inspection;
  const errors = parsed.error.issues.map(({ path, message }) => ({ at: path.slice(1).join('.'), reason: message }));
  throw failure('These settings are not valid.', { errors });
}

export const isChanged = (args: Arguments): boolean => CHANGES.some((name) => args.text(name) !== undefined);

/** A list, or a configuration that has one at its place. */
function exceptionsOf(file: string): unknown {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(value) ? value : Object(Object(Object(value).detection).inspection).exceptions;
  } catch (error) {
    throw failure(`${file} cannot be read as JSON.`, {}, error);
  }
}
