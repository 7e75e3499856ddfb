import type { IncomingHttpHeaders } from 'node:http';
import { walkBody } from './body.ts';
import { walkHead } from './head.ts';
import type { Oddity, Visit } from './leaf.ts';

/** What a walk told: `place = text` of values, `place: name` of names, and what it could not look at. */
export interface Told {
  readonly values: readonly string[];
  readonly names: readonly string[];
  readonly fields: readonly string[];
  readonly texts: readonly string[];
  readonly oddities: readonly string[];
}

function told(walk: (visit: Visit) => readonly Oddity[]): Told {
  const values: string[] = [];
  const names: string[] = [];
  const fields: string[] = [];
  const texts: string[] = [];
  const oddities = walk((text, cursor) => {
    (cursor.isName ? names : values).push(cursor.isName ? `${cursor.at()}: ${text}` : `${cursor.at()} = ${text}`);
    fields.push(cursor.field());
    texts.push(text);
  });
  return { values, names, fields, texts, oddities: oddities.map(({ code, at }) => `${code} at ${at}`) };
}

export const headTold = (url: string, headers: IncomingHttpHeaders = {}): Told =>
  told((visit) => walkHead({ method: 'GET', url, headers }, visit));

export const bodyTold = (
  type: string | undefined,
  body: string | Uint8Array,
  headers: IncomingHttpHeaders = {},
): Told =>
  told((visit) =>
    walkBody(
      type === undefined ? headers : { ...headers, 'content-type': type },
      typeof body === 'string' ? Buffer.from(body) : body,
      visit,
    ),
  );
