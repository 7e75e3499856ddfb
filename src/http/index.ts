/** Floor 1. The shape of a route, a problem, a cookie, a client address; knows no room. */
export { type AddressReader, addressBlock, createAddressReader, hopAddress, isCidr } from './address.ts';
export { mediaType, parseJson, readBody } from './body.ts';
export { actorOf, type Context } from './context.ts';
export { cookieOf, isSecureCookie, readCookie } from './cookies.ts';
export { type Cors, createCors, isOrigin } from './cors.ts';
export { csrfValueOf } from './csrf-form.ts';
export { csrfHeaderOf } from './csrf-header.ts';
export { httpFault } from './errors.ts';
export { type Face, nativeFace } from './face.ts';
export { SECURITY_HEADERS } from './headers.ts';
export { flawsOf, parseWith } from './parse.ts';
export { statusOf, tellable } from './problem.ts';
export { created, nothing, ok, type Reply } from './reply.ts';
export {
  defineRoute,
  type HeldForm,
  type Input,
  type RelayInput,
  type Route,
  type RouteLimit,
  type StepUp,
  type Upgrade,
} from './route.ts';
export { headerText, idText, storableText, wholeNumber } from './text.ts';
