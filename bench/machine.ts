import { statfsSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** False where a sync costs nothing, so that durable writes look cheaper than they are. */
  readonly dataOnDisk: boolean;
}

const TMPFS = 0x01021994;

export const isInMemory = (folder: string): boolean => statfsSync(folder).type === TMPFS;

export function machineFacts(folder: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    dataOnDisk: !isInMemory(folder),
  };
}

export function describe({ cpu, cores, memoryGiB, system, node, dataOnDisk }: Machine): string {
  const disk = dataOnDisk ? 'data on disk' : 'data in memory (tmpfs): durable writes look cheaper than they are';
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, ${disk}`;
}
