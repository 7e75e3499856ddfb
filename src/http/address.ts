import { BlockList, isIP, isIPv6 } from 'node:net';

/** Tells the true client from the proxies that we were told to trust. */
export interface AddressReader {
  /** @param forwarded the `X-Forwarded-For` header as received */
  read(socketAddress: string, forwarded: string | undefined): string;
  trusts(socketAddress: string): boolean;
}

/** @param trustedProxies CIDRs or addresses. @throws TypeError for anything else */
export function createAddressReader(trustedProxies: readonly string[]): AddressReader {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = '', bits] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (isIP(address) === 0) throw new TypeError(`${entry} is not an address or CIDR`);
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const trusts = (address: string): boolean =>
    trustedProxies.length > 0 && isIP(address) !== 0 && trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

  return {
    trusts: (address) => trusts(plain(address)),
    read: (socketAddress, forwarded) => {
      let client = plain(socketAddress);
      if (forwarded === undefined || !trusts(client)) return client;
      // From the right: each hop was written by the one after it, so the first that we don't trust is the client.
      for (const hop of forwarded.split(',').reverse()) {
        const address = hopAddress(hop);
        if (address === undefined) return client; // what stands left of nonsense can't be believed
        client = address;
        if (!trusts(address)) return client;
      }
      return client;
    },
  };
}

/** The address that one hop of `X-Forwarded-For` tells, without its port; none where it is no address. */
export function hopAddress(hop: string): string | undefined {
  const address = plain(withoutPort(hop.trim()));
  return isIP(address) === 0 ? undefined : address;
}

/** Some balancers write the client's port too: `1.2.3.4:5678`, `[::1]:5678`. */
function withoutPort(hop: string): string {
  const [, bracketed, dotted] = /^(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(hop) ?? [];
  return bracketed ?? dotted ?? hop;
}

/** Whether a text is an address or CIDR, as `createAddressReader` takes them. */
export function isCidr(entry: string): boolean {
  try {
    createAddressReader([entry]);
    return true;
  } catch {
    return false;
  }
}

/** `::ffff:10.0.0.1`, `::ffff:a00:1` in any spelling, and `10.0.0.1` are one client. */
function plain(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address;
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7);
  if (/^(?:64|0064):ff9b:/i.test(address)) return translated(address);
  const [high, low] = mappedGroups(address);
  if (high === undefined || low === undefined) return address;
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/**
 * A client of IPv4 as a translator shows it to a server of IPv6: `64:ff9b::c633:6401` is `198.51.100.1`. Taken for IPv6,
 * all clients of IPv4 would share one /64, and one of them could have all of them blocked.
 *
 * @see RFC 6052 §2.1
 */
function translated(address: string): string {
  const groups = groupsOf(address);
  if (groups.length !== 8 || groups.slice(2, 6).some((group) => group !== 0)) return address;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

/** The last two groups of an IPv4 address written as IPv6, which stand behind `0:0:0:0:0:ffff`. @see RFC 4291 §2.5.5.2 */
function mappedGroups(address: string): readonly number[] {
  const hex = /^(?:0{1,4}:){0,5}(?::{0,2})(?:0{1,4}:){0,5}ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  return hex === null ? [] : hex.slice(1).map((group) => Number.parseInt(group, 16));
}

/** One IPv6 customer holds a whole /64, so counting single addresses there would limit nobody. */
export function addressBlock(address: string): string {
  if (!isIPv6(address)) return address;
  const client = plain(address);
  if (client !== address) return client;
  const block = groupsOf(address)
    .slice(0, 4)
    .map((group) => group.toString(16));
  return `${block.join(':')}::/64`;
}

/** The eight numbers of an IPv6 address; a part in dots is two of them. */
function groupsOf(address: string): readonly number[] {
  const [head = '', tail] = withoutDots(address).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  return groups.map((group) => Number.parseInt(group.split('%')[0] ?? '0', 16));
}

/** `64:ff9b::198.51.100.1` is `64:ff9b::c633:6401`. */
function withoutDots(address: string): string {
  const [all, ...parts] = /(\d+)\.(\d+)\.(\d+)\.(\d+)/.exec(address) ?? [];
  if (all === undefined) return address;
  const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
  return address.replace(all, `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
}
