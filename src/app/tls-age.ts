import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { defineRoute, type Route } from '../http/index.ts';
import { isAsking } from './asking.ts';
import type { RequestLine } from './request-line.ts';
import { takesTls12 } from './tls-config.ts';
import { tlsFault } from './tls-errors.ts';

/**
 * Refuses what came over TLS 1.2 for a profile that asks for 1.3 (X27). Who refuses is the line itself, so that it is
 * counted, limited and answered in the words of the profile. Probes are free: an old balancer must not see a dead process.
 * What a proxy asks about is judged by its own row, once that is known.
 */
export function needingTls13(line: RequestLine): RequestLine {
  return (route, request, response, params, upgrade) => {
    const isFree = isAsking(route) || route.access.kind === 'unlimited';
    if (isFree || !isTooOld(request, route.profile)) return line(route, request, response, params, upgrade);
    response.setHeader('upgrade', 'TLS/1.3'); // RFC 9110 §7.8
    response.setHeader('connection', 'upgrade, close');
    return line(refusing(route), request, response, {});
  };
}

/** Whether it came over an older TLS than its profile is served by. */
export function isTooOld({ socket }: IncomingMessage, profile = 'twinkeep'): boolean {
  return socket instanceof TLSSocket && socket.getProtocol() !== 'TLSv1.3' && !takesTls12(profile);
}

const refusing = ({ path, profile }: Route): Route =>
  defineRoute({
    method: 'GET',
    path,
    summary: 'Nothing.',
    ...(profile === undefined ? {} : { profile }),
    access: { kind: 'public', because: 'it says only that it is not to be had this way' },
    replies: {},
    faults: ['TLS_TOO_OLD'],
    handle: async () => {
      throw tlsFault('TLS_TOO_OLD');
    },
  });
