import type { OldRow } from './backup-file.ts';
import { type Change, keyId, rowTextOf } from './database.ts';
import { migrationFault } from './errors.ts';
import type { LeftList } from './report.ts';
import { type Ground, isEnvelope, placeOf } from './scan.ts';

interface Wish {
  readonly key: OldRow['key'];
  readonly column: string;
  readonly old: string;
  readonly text: string;
}

/**
 * Replaces legacy values by envelopes where they still stand as they were taken down.
 *
 * @param refused takes what the vault or the database does not accept
 * @returns how many values are envelopes of their text now by our doing, also where an earlier run died before it said so
 */
export async function changeRows(ground: Ground, rows: readonly OldRow[], refused: LeftList): Promise<number> {
  const wishes = rows.flatMap((row) => wishesOf(ground, row));
  const changes = await sealAll(ground, wishes, refused);
  const outcomes = await ground.database.apply(changes.map(({ change }) => change));
  let migrated = 0;
  const overtaken: Wish[] = [];
  for (const [at, { wish }] of changes.entries()) {
    const outcome = outcomes[at];
    if (outcome?.kind === 'done') migrated += 1;
    else if (outcome?.kind === 'refused') {
      refused.add({ ...nameOf(wish), reason: `refused by the database (${outcome.code})` });
    } else overtaken.push(wish);
  }
  return migrated + (await countDone(ground, overtaken));
}

function wishesOf({ fields, legacy }: Ground, { key, values }: OldRow): readonly Wish[] {
  return fields.columns.flatMap((column, at): readonly Wish[] => {
    const old = values[at];
    const opened = typeof old === 'string' ? legacy.open(old) : undefined;
    return typeof old === 'string' && opened?.kind === 'text' ? [{ key, column, old, text: opened.text }] : [];
  });
}

/** Seals, and opens what was sealed: nothing that the vault could not read again may replace what can be read now. */
async function sealAll(
  { envelopes, fields }: Ground,
  wishes: readonly Wish[],
  refused: LeftList,
): Promise<readonly { readonly wish: Wish; readonly change: Change }[]> {
  const items = wishes.map(({ key, column, text }) => ({ ...placeOf(fields, key, column), text }));
  const answers = await envelopes.seal(items);
  const sealed = wishes.flatMap((wish, at) => {
    const answer = answers[at];
    if (answer?.kind === 'text' && isEnvelope(answer.text)) return [{ wish, sealed: answer.text }];
    const code = answer?.kind === 'refused' ? answer.code : 'no envelope';
    refused.add({ ...nameOf(wish), reason: `refused by the vault (${code})` });
    return [];
  });
  const opened = await envelopes.open(
    sealed.map(({ wish, sealed: text }) => ({ ...placeOf(fields, wish.key, wish.column), sealed: text })),
  );
  return sealed.map(({ wish, sealed: to }, at) => {
    const answer = opened[at];
    if (answer?.kind !== 'text' || answer.text !== wish.text) {
      throw migrationFault('MIGRATION_SEAL', {
        reason: 'The vault does not read back what it sealed; nothing of this batch was stored.',
      });
    }
    return { wish, change: { key: wish.key, column: wish.column, from: wish.old, to } };
  });
}

/** Of values that are not any more what was taken down: those that are envelopes of that very text. */
async function countDone({ database, fields, envelopes }: Ground, wishes: readonly Wish[]): Promise<number> {
  if (wishes.length === 0) return 0;
  const present = await database.find([...new Map(wishes.map(({ key }) => [keyId(key), key])).values()]);
  const found = wishes.flatMap((wish) => {
    const cell = present.get(keyId(wish.key))?.cells[fields.columns.indexOf(wish.column)];
    return cell?.kind === 'text' && isEnvelope(cell.text) ? [{ wish, sealed: cell.text }] : [];
  });
  const opened = await envelopes.open(
    found.map(({ wish, sealed }) => ({ ...placeOf(fields, wish.key, wish.column), sealed })),
  );
  return found.filter(({ wish }, at) => {
    const answer = opened[at];
    return answer?.kind === 'text' && answer.text === wish.text;
  }).length;
}

const nameOf = ({ key, column }: Wish) => ({ row: rowTextOf(key), column });
