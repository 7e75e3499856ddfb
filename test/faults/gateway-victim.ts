import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { ConfigInput } from '../../src/app/index.ts';
import type { Place } from './places.ts';

type Gateway = NonNullable<ConfigInput['gateway']>;

/** Where the configuration of a place stands; what is written there is read at the next start or reload. */
export function writeConfig({ setting }: Pick<Place, 'setting'>, config: ConfigInput | string): string {
  mkdirSync(setting.data, { recursive: true });
  const file = join(setting.data, 'gateway.config.json');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
  return file;
}

/** Everything at `/twin/` goes to one back end. */
export const gatewayTo = (url: string, more: Partial<NonNullable<Gateway['backEnds']>[string]> = {}): Gateway => ({
  backEnds: { twin: { url, ...more } },
  routes: [{ path: '/twin/*', to: 'twin', sockets: true }],
});

export interface Reloaded {
  readonly status: number;
  readonly text: string;
}

/** `POST /v1/config/reload` as the operator asks it, through the door in the data folder. */
export function reload({ setting }: Pick<Place, 'setting'>): Promise<Reloaded> {
  return new Promise((resolve, reject) => {
    const socketPath = join(setting.data, 'owner.sock');
    const asked = request({
      socketPath,
      method: 'POST',
      path: '/v1/config/reload',
      headers: { host: 'localhost' },
      agent: false,
    });
    asked.on('error', reject).on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.end();
  });
}

/** What the log says of one request that was handed on. */
export interface Handing {
  readonly path: string;
  readonly outcome: string;
}

/** Every entry about a request that was handed on, read from the database itself. */
export async function handingsOf({ query }: Pick<Place, 'query'>): Promise<readonly Handing[]> {
  const rows = await query(`select body from audit_entry where action = 'gateway.forwarded' order by id`);
  return rows.map((row) => {
    const { facts, outcome } = JSON.parse(String(row['body']));
    return { path: String(facts.path), outcome: String(outcome) };
  });
}
