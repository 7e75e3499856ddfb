/** Floor 5. Forwards an admitted request or socket to a back end. */
export { type GatewayConfig, gatewayConfig } from './config.ts';
export { gatewayFault } from './errors.ts';
export { type ForwardAuthDeps, forwardAuthRows } from './forward-auth.ts';
export { becomeOriginal, FORWARD_AUTH, readOriginal } from './forward-auth-original.ts';
export type { BackEndEvent, Gateway, GatewayDeps } from './gateway.ts';
export { openGateway } from './open-gateway.ts';
export { BEARER_PROTOCOL, bearerOfProtocols } from './protocols.ts';
