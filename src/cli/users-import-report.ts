import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { failure } from './errors.ts';

const made = z.strictObject({ id: z.string(), username: z.string(), proof: z.string() });

const report = z.strictObject({
  kind: z.literal('twinkeep-users-import'),
  file: z.string(),
  tenant: z.string().nullable(),
  finished: z.boolean(),
  made: z.array(made),
  existing: z.array(z.strictObject({ place: z.string(), username: z.string() })),
  refused: z.array(z.strictObject({ place: z.string(), username: z.string(), reason: z.string() })),
});

/** What an import did: whom it made, by which it can be undone, and why it did not make the others. */
export type ImportReport = z.output<typeof report>;

export const reportPathOf = (file: string): string => `${file}.report.json`;

/** @throws CLI_FAILED where it cannot be read or is none */
export function readReport(path: string): ImportReport {
  try {
    return report.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw failure(`${path} is no report of an import.`, {}, error);
  }
}

/** Whom earlier runs over this file made in this tenant, so that an undo after the last run takes all of them back. */
export function madeBefore(path: string, tenant: string | null): ImportReport['made'] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return []; // there was none
  }
  const found = report.safeParse(parsed(text));
  if (!found.success || found.data.tenant !== tenant) {
    throw failure(`${path} is in the way: it is no report of an import into this tenant. Move it elsewhere first.`);
  }
  return found.data.made;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** It names people, so it is for its owner alone; a crash while it is written does not cost the old one. */
export function writeReport(path: string, value: ImportReport): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, path);
}
