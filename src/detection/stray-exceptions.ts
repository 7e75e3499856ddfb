import type { Route } from '../http/index.ts';
import { namesNumber } from './field-name.ts';
import type { Exception } from './inspection-config.ts';
import { strayExceptions } from './route-plan.ts';

const MOST = 20;

/** Exceptions under which no request can come, or hardly one that was meant, each in a sentence. */
export function strayLines(
  exceptions: readonly Exception[],
  routes: readonly Pick<Route, 'method' | 'path'>[],
): readonly string[] {
  const stray = new Set(
    strayExceptions(
      exceptions,
      routes.map(({ method, path }) => `${method} ${path}`),
    ),
  );
  const lines = exceptions.flatMap((one, place) => {
    const { route = '', field = '' } = one;
    return [
      ...(stray.has(one) ? [`Exception ${place} applies nowhere: there is no route "${route}".`] : []),
      ...(namesNumber(field)
        ? [`Exception ${place}: in "${field}" the number is the name of a member; elements of a list go without.`]
        : []),
    ];
  });
  return lines.length <= MOST ? lines : [...lines.slice(0, MOST), `And ${lines.length - MOST} more such exceptions.`];
}
