/** Floor 5. Forwards an admitted request or socket to a back end. */
export { type GatewayConfig, gatewayConfig } from './config.ts';
export { gatewayFault } from './errors.ts';
export type { BackEndEvent, Gateway, GatewayDeps } from './gateway.ts';
export { openGateway } from './open-gateway.ts';
export { bearerOfProtocols } from './protocols.ts';
