import { readFile } from 'node:fs/promises';
import { type Socket, SocketAddress } from 'node:net';
import { endianness, platform } from 'node:os';

/** What a connection is found by: the other side's address and port. */
type Peer = string;

/** Bytes of each connection that the system has taken from us and the other side has not; those without any are left out. */
export type KernelQueues = ReadonlyMap<Peer, number>;

/** Of this process: `/proc/net` is hidden where `/proc` shows processes alone (`ProcSubset=pid` of systemd). */
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
const ROW = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) 0[1-9A-B] (?!00000000)([0-9A-F]{8}):/gm;

/**
 * The send queues of the connections to a port, where the system tells of them (Linux); elsewhere it is empty. Node has no
 * call for it, and without it whoever asks for answers and takes none looks like one who has everything: the system
 * takes up to four megabytes for each connection.
 *
 * @returns undefined where the system does not tell
 * @see proc_net_tcp in the documentation of Linux: `tx_queue`
 */
export async function kernelQueues(port: number, tables = TABLES): Promise<KernelQueues | undefined> {
  const queues = new Map<Peer, number>();
  if (endianness() !== 'LE') return undefined; // addresses stand there as words of the machine
  const ours = port.toString(16).toUpperCase().padStart(4, '0');
  const found = (await Promise.all(tables.map(tableOf))).filter((text) => text !== undefined);
  if (found.length === 0) return undefined;
  for (const text of found)
    for (const [, local, address = '', remote = '', waiting = ''] of text.matchAll(ROW))
      if (local === ours)
        queues.set(`${addressOf(address)} ${Number.parseInt(remote, 16)}`, Number.parseInt(waiting, 16));
  return queues;
}

/** What an operator should know where Linux does not tell; other systems have nothing that could be mended. */
export async function blindness(tables = TABLES): Promise<string | undefined> {
  if (platform() !== 'linux' || (await kernelQueues(0, tables)) !== undefined) return undefined;
  return `${tables.join(' and ')} cannot be read: clients that take no answers are cut late`;
}

/** @returns undefined of one that has no other side any more */
export function peerOf({ remoteAddress, remotePort }: Socket): Peer | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}

/** One may be missing, as that of IPv6 is where the system has none. */
const tableOf = (path: string): Promise<string | undefined> => readFile(path, 'latin1').catch(() => undefined);

/** Words of 32 bits, each with its bytes turned round; written as Node writes the address of a socket. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex').swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
