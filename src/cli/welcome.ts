import { type Twinkeep, VERSION } from '../app/index.ts';
import { rfc3339, systemClock } from '../kernel/clock.ts';
import type { Json } from '../kernel/tx.ts';

/** What `dev` says once it listens: the address, and at the first start who may sign in and what to try. */
export function welcome(
  { firstAdministrator }: Twinkeep,
  address: string,
  hasTwin: boolean,
): { value: Json; text: string } {
  const lines = [`Twinkeep ${VERSION} runs at ${address} (its surface: ${address}/docs). Ctrl-C ends it.`];
  if (hasTwin) lines.push(`A twin behind its gateway, to sign in to and look at: ${address}/`);
  if (firstAdministrator === undefined) return { value: { address }, text: lines.join('\n') };
  const { username, generatedPassword } = firstAdministrator;
  const password = generatedPassword?.reveal();
  const shown = password ?? '(the one that you set)';
  lines.push(
    '',
    'The first administrator. The password is SHOWN ONCE and kept nowhere; write it down:',
    `  username: ${username}`,
    `  password: ${shown}`,
    '',
    'To try, in another terminal (sign in, make an API key, send a reading with it):',
    ...tips(address, username, password),
    '',
  );
  const value = { address, first_administrator: { username, ...(password === undefined ? {} : { password }) } };
  return { value, text: lines.join('\n') };
}

/** Three lines for any POSIX shell, to be pasted one after the other. */
function tips(address: string, username: string, password: string | undefined): readonly string[] {
  const json = "-H 'content-type: application/json'";
  const take = (name: string): string => `sed 's/.*"${name}":"\\([^"]*\\)".*/\\1/'`;
  const secret = password ?? `'"$TWINKEEP_ADMIN_PASSWORD"'`; // steps out of the quotes, so that the shell fills it in
  const credentials = `{"username":"${username}","password":"${secret}"}`;
  const wish = '{"name":"meter-1","scopes":["write:meter_data"],"expires_in":86400}';
  const now = rfc3339(systemClock.now());
  const reading = `{"meter_id":"METER-1","timestamp":"${now}","energy_consumption":3.17}`;
  return [
    `  TOKEN=$(curl -s ${address}/v1/login ${json} -d '${credentials}' | ${take('access_token')})`,
    `  KEY=$(curl -s ${address}/v1/api-keys -H "authorization: Bearer $TOKEN" ${json} -d '${wish}' | ${take('key')})`,
    `  curl ${address}/v1/readings -H "x-api-key: $KEY" ${json} -d '${reading}'`,
  ];
}
