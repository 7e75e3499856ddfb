import type { Gateway, GatewayDeps } from './gateway.ts';

/**
 * The gateway of a configuration. What it is made of is loaded where there is a back end: a server without one saves
 * twenty megabytes.
 *
 * @throws Error where a file of TLS can't be read
 */
export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  if (Object.keys(deps.config.backEnds).length === 0) return NONE;
  const { createGateway } = await import('./gateway.ts');
  return createGateway(deps);
}

const NONE: Gateway = {
  routes: [],
  backEnds: () => [],
  openSockets: () => 0,
  running: () => 0,
  close: () => Promise.resolve(),
  retire: () => Promise.resolve(),
};
