import { z } from 'zod';
import { ownerSocketOf } from '../app/index.ts';
import { createTrial } from '../detection/index.ts';
import type { Run } from './command.ts';
import { throughServer } from './door.ts';
import { usageFault } from './errors.ts';
import { isServed } from './folder.ts';
import { loadSettings } from './setting.ts';
import { tableOf } from './terminal.ts';

const page = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      class: z.string(),
      title: z.string(),
      view: z.string(),
      weight: z.number(),
      hits: z.int(),
    }),
  ),
});

/** `detect rules`: those of the server that runs, with what they found; where none runs, those it would have. */
export const listRules: Run = async (args, terminal) => {
  const config = await loadSettings();
  const wanted = args.text('class');
  const served = await isServed(ownerSocketOf(config));
  const items = served
    ? page.parse(await throughServer(args, (door) => door.call('GET', '/v1/detection/rules'))).items
    : ofFolder(config.detection.inspection);
  const classes = [...new Set(items.map((one) => one.class))].sort();
  if (wanted !== undefined && !classes.includes(wanted))
    throw usageFault(`no rule is of the class ${wanted}; there are ${classes.join(', ')}`);
  const shown = items.filter((one) => wanted === undefined || one.class === wanted);
  const rows = shown.map((one) => [one.id, one.class, String(one.weight), one.view, hitsOf(one), one.title]);
  const table = tableOf(['id', 'class', 'weight', 'view', 'hits', 'title'], rows);
  const note = served
    ? 'Hits of the server that runs, since it began.'
    : 'No server runs on this folder, so nothing was counted.';
  const file = config.detection.inspection.rulesFile;
  const from = file === undefined ? '' : ` The file of rules is ${file}.`;
  terminal.answer(
    shown.map((one) => ({ ...one })),
    `${table}\n\n${shown.length} rules. ${note}${from}`,
  );
  return 0;
};

interface Shown {
  readonly id: string;
  readonly class: string;
  readonly title: string;
  readonly view: string;
  readonly weight: number;
  readonly hits: number | null;
}

const hitsOf = ({ hits }: Shown): string => (hits === null ? '' : String(hits));

function ofFolder(inspection: Parameters<typeof createTrial>[0]): readonly Shown[] {
  const trial = createTrial(inspection);
  trial.stop();
  return trial.rules.map(({ id, class: kind, title, view, weight }) => ({
    id,
    class: kind,
    title,
    view,
    weight,
    hits: null,
  }));
}
