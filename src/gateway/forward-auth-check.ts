import { checkGateway } from './config-check.ts';

type Checked = Parameters<typeof checkGateway>[0];
type AskedRoute = Omit<Checked['routes'][number], 'to' | 'authMessage' | 'socketIo'> & { readonly audience: string };

/** What contradicts itself in rows that another proxy carries, each with the fix: the rules of the gateway's own. */
export function checkForwardAuth(config: { readonly routes: readonly AskedRoute[] }): ReturnType<typeof checkGateway> {
  const routes = config.routes.map((route) => ({ ...route, to: route.audience, authMessage: false, socketIo: false }));
  const nowhere = { url: 'http://127.0.0.1' }; // the proxy knows where its back ends are
  return checkGateway({ backEnds: Object.fromEntries(routes.map(({ to }) => [to, nowhere])), routes });
}
