import type { BlockEvent } from '../detection/index.ts';

/**
 * What stands in the log when somebody is blocked or let in again: who, why, until when and how to undo it. No evidence.
 *
 * @returns undefined for what stands beside another event of the same block
 */
export function blockLine({
  type,
  data,
}: BlockEvent): { readonly message: string; readonly facts: Readonly<Record<string, string>> } | undefined {
  if (type === 'administrator.blocked') return undefined;
  const { kind, value, reason, ends_at: endsAt, undo } = data;
  const who = kind === 'address' ? value : `${kind}:${value}`;
  const facts = { kind, who, reason };
  if (undo === undefined) {
    const again = `twinkeep blocks add ${who} --for 1h --reason '...'`;
    return { message: 'a block was lifted', facts: { ...facts, undo: again } };
  }
  return { message: 'somebody was blocked', facts: { ...facts, ends: endsAt ?? 'when it is lifted', undo } };
}
