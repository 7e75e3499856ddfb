import { readFileSync } from 'node:fs';
import type { Victim } from './start-victim.ts';

/** Sockets that listen on the port: each thread has one of its own. @see proc(5), /proc/pid/net/tcp */
export function listening({ address, pid }: Victim): number {
  const port = Number(new URL(address).port).toString(16).toUpperCase().padStart(4, '0');
  const table = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n');
  return table.filter((line) => line.includes(`:${port} 00000000:0000 0A`)).length;
}
