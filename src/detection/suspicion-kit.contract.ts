import { apiKeyId, epochMs, personId, realmId, requestId, sessionId, tenantId } from '../kernel/brand.ts';
import { type ApiKeyPrincipal, anonymous, type PersonPrincipal, type Principal } from '../kernel/principal.ts';
import type { Node } from './blocks-kit.contract.ts';
import type { Attack, Suspects } from './suspicion.ts';

const main = tenantId('main');

export const keyNamed = (id: string): ApiKeyPrincipal => ({
  kind: 'api-key',
  apiKeyId: apiKeyId(id),
  tenantId: main,
  scopes: [],
});

export const personNamed = (id: string, session = `session-of-${id}`): PersonPrincipal => ({
  kind: 'person',
  personId: personId(id),
  sessionId: sessionId(session),
  realmId: realmId('main'),
  tenantId: main,
  username: id,
  authenticatedAt: epochMs(0),
});

type Headers = Suspects['context']['headers'];

let requests = 0;

/** A request as the line has it when an attack was found in it. */
export function sent(
  address: string,
  caller: Principal = anonymous,
  headers: Headers = {},
  more: Partial<Suspects> & { readonly method?: string } = {},
): Suspects {
  const { method = 'GET', ...rest } = more;
  const context = { address, addressBlock: address, requestId: requestId(`attack-${++requests}`), headers, method };
  return { context, caller, profile: 'twinkeep', ...rest };
}

export const attack = (fingerprint: string, more: Partial<Attack> = {}): Attack => ({
  class: 'sqli',
  rule: 'sqli-union',
  score: 7,
  at: 'query.q',
  evidence: 'union select',
  fingerprint,
  ...more,
});

/** So many different attacks, one after the other. */
export async function attackBy(
  { suspicion }: Pick<Node, 'suspicion'>,
  times: number,
  who: () => Suspects,
  name = 'attack',
): Promise<void> {
  for (let each = 0; each < times; each++) await suspicion.attacked(who(), attack(`${name} ${each}`));
}

/** A link that a page of somebody else made the browser follow. */
export const followed: Headers = {
  host: 'twin.example',
  'sec-fetch-site': 'cross-site',
  'sec-fetch-mode': 'navigate',
  referer: 'https://evil.example/',
};
