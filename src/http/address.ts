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
        const address = plain(withoutPort(hop.trim()));
        if (isIP(address) === 0) return client; // what stands left of nonsense can't be believed
        client = address;
        if (!trusts(address)) return client;
      }
      return client;
    },
  };
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
  const [high, low] = mappedGroups(address);
  if (high === undefined || low === undefined) return address;
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The last two groups of an IPv4 address written as IPv6, which stand behind `0:0:0:0:0:ffff`. @see RFC 4291 §2.5.5.2 */
function mappedGroups(address: string): readonly number[] {
  const hex = /^(?:0{1,4}:){0,5}(?::{0,2})(?:0{1,4}:){0,5}ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  return hex === null ? [] : hex.slice(1).map((group) => Number.parseInt(group, 16));
}

/** One IPv6 customer holds a whole /64, so counting single addresses there would limit nobody. */
export function addressBlock(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  const block = groups.slice(0, 4).map((group) => Number.parseInt(group.split('%')[0] ?? '0', 16).toString(16));
  return `${block.join(':')}::/64`;
}
