/** Floor 5. Forwards an admitted request or socket to a back end. */
export { type GatewayConfig, gatewayConfig } from './config.ts';
export { gatewayFault } from './errors.ts';
export { type BackEndEvent, createGateway, type Gateway, type GatewayDeps } from './gateway.ts';
export { bearerOfProtocols } from './protocols.ts';
export type { RelayInput, RelayRoute, UpgradeRequest } from './relay-route.ts';
