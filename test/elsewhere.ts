/** Of people, their factors, sessions and sockets: tried in the tests of their rooms and flows, and to get a place here. */
export const ELSEWHERE =
  /^(?:GET|POST|PUT|DELETE) \/(?:account\/|v1\/(?:csrf|devices|email|invitations|login\/|logout-all|me$|mfa|password|platform|readings\/stream|register|revocations|sessions\/analytics|socket\.io|step-up|tenant\/|users\/import|users\/:id(?:\/|$)))/;
