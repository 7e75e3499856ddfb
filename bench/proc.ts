import { readFileSync } from 'node:fs';

/** `getconf CLK_TCK`, which every Linux that Node runs on sets to 100. */
const TICK_MS = 10;

/** User and system time of a process with all its threads, in steps of 10 ms. NaN where there is no /proc. */
export function cpuMs(pid: number): number {
  const { 11: user, 12: system } = statOf(pid);
  return (Number(user) + Number(system)) * TICK_MS;
}

/** The same of our own children that have ended. */
export function endedChildrenCpuMs(): number {
  const { 13: user, 14: system } = statOf(process.pid);
  return (Number(user) + Number(system)) * TICK_MS;
}

/** The processes that a process has started. Empty where the system doesn't say. */
export function childrenOf(pid: number): readonly number[] {
  const listed = read(`/proc/${pid}/task/${pid}/children`).trim();
  return listed === '' ? [] : listed.split(' ').map(Number);
}

function statOf(pid: number): readonly string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the command's name may contain spaces
}

/** Memory of a process that is in RAM now. NaN where there is no /proc. */
export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? Number.NaN) / 1_024;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
