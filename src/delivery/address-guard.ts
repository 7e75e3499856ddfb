import { BlockList, isIP, isIPv6 } from 'node:net';
import { isFault } from '../kernel/errors.ts';
import { deliveryFault } from './errors.ts';

/** One address of a name. */
export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

/** Asks the DNS. Passed in, so that what it answers can be tried. */
export type Resolve = (hostname: string) => Promise<readonly HostAddress[]>;

/**
 * Keeps webhooks off what only we can reach (server-side request forgery): whoever may name a URL could otherwise read
 * the cloud's metadata, a database's status page, or the console of a router through us.
 */
export interface AddressGuard {
  /** What can be said of a URL before its name is asked for. @throws DELIVERY_URL_REFUSED */
  check(url: URL): void;
  /**
   * The addresses to connect to, and to no others: asking the name again would let it change its mind in between.
   *
   * @throws DELIVERY_URL_REFUSED when any of them is not public, or the name has none
   */
  addressesOf(protocol: string, hostname: string): Promise<readonly HostAddress[]>;
}

// IANA special-purpose address registries; what is not global unicast is refused as a whole for IPv6.
const SPECIAL_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
];
const GLOBAL_V6 = ['2000::/3'];
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']; // the first and third hold IPv4 addresses

/** @param allowPrivate CIDRs of private addresses that may be reached all the same */
export function createAddressGuard(allowPrivate: readonly string[], resolve: Resolve): AddressGuard {
  const allowed = listOf(allowPrivate);
  const specialV4 = listOf(SPECIAL_V4);
  const globalV6 = listOf(GLOBAL_V6);
  const specialV6 = listOf(SPECIAL_V6);

  function isPublic(address: string): boolean {
    if (!isIPv6(address)) return !specialV4.check(address, 'ipv4');
    return globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6');
  }

  function assertReachable(protocol: string, address: string): void {
    if (isIP(address) === 0 || address.includes('%')) throw refused('has no address that can be checked');
    if (allowPrivate.length > 0 && allowed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) return;
    if (!isPublic(address)) throw refused('leads to a private or special address');
    if (protocol !== 'https:') throw refused('must begin with https://');
  }

  return {
    check: (url) => {
      if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowPrivate.length > 0)) {
        throw refused('must begin with https://');
      }
      if (url.username !== '' || url.password !== '') throw refused('must not contain a user name or password');
      if (url.hash !== '') throw refused('must not contain a fragment');
      const host = plainHost(url.hostname);
      if (host === '') throw refused('must name a host');
      if (isIP(host) !== 0) assertReachable(url.protocol, host);
    },
    addressesOf: async (protocol, hostname) => {
      const host = plainHost(hostname);
      const found = isIP(host) === 0 ? await resolve(host) : [{ address: host, family: isIP(host) }];
      if (found.length === 0) throw refused('has no address');
      for (const { address } of found) assertReachable(protocol, address); // one bad one is enough: the DNS may be theirs
      return found;
    },
  };
}

export const isRefusedUrl = (error: unknown): boolean => isFault(error, 'DELIVERY_URL_REFUSED');

const refused = (reason: string) => deliveryFault('DELIVERY_URL_REFUSED', { errors: [{ at: 'body/url', reason }] });

const plainHost = (hostname: string): string => (hostname.startsWith('[') ? hostname.slice(1, -1) : hostname);

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
