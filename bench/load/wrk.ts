import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { endedChildrenCpuMs } from '../proc.ts';
import type { LoadJob } from './job.ts';

const SLACK_MS = 10_000;
const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

export interface WrkRun {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly generatorCpuMs: number;
}

/**
 * Loads a server with `wrk`, one thread of it: a request costs it a few microseconds.
 *
 * @param ms rounded up to whole seconds, which is all that wrk knows
 * @throws Error for a request with a body, an answer other than 2xx, or a connection that was lost
 */
export async function runWrk(command: string, job: LoadJob, ms: number): Promise<WrkRun> {
  if (job.method !== 'GET') throw new Error('wrk is asked for GET alone');
  const seconds = Math.ceil(ms / 1_000);
  const load = ['-t', '1', '-c', String(job.connections), '-d', `${seconds}s`, '--latency'];
  const headers = Object.entries(job.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const url = `http://127.0.0.1:${job.port}${job.path}`;
  const before = endedChildrenCpuMs();
  const { stdout } = await promisify(execFile)(command, [...load, ...headers, url], {
    timeout: seconds * 1_000 + SLACK_MS,
  });
  return { ...parse(stdout), generatorCpuMs: endedChildrenCpuMs() - before };
}

function parse(printed: string): Omit<WrkRun, 'generatorCpuMs'> {
  const wrong = /^.*(?:Non-2xx|Socket errors).*$/m.exec(printed)?.[0];
  if (wrong !== undefined) throw new Error(`wrk says: ${wrong.trim()}`);
  const done = /(\d+) requests in ([\d.]+)(us|ms|s|m|h)\b/.exec(printed);
  if (done === null || Number(done[1]) === 0) throw new Error(`wrk did nothing: ${printed.slice(0, 500)}`);
  const [, requests, time, unit] = done;
  return {
    requests: Number(requests),
    seconds: inMs(time, unit) / 1_000,
    p50Ms: waitOf(printed, '50'),
    p99Ms: waitOf(printed, '99'),
  };
}

function waitOf(printed: string, share: string): number {
  const [, time, unit] = new RegExp(`^\\s*${share}%\\s+([\\d.]+)(us|ms|s|m|h)\\s*$`, 'm').exec(printed) ?? [];
  return inMs(time, unit);
}

const inMs = (time = '', unit = ''): number => Number(time) * (UNIT_MS[unit] ?? Number.NaN);
