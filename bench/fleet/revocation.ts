import { signIn } from '../contenders/twinkeep.ts';
import type { Bench, Line } from '../measure.ts';
import type { RevocationRow } from '../rows.ts';
import { type Figures, quantile } from '../stats.ts';
import { openFleet } from './processes.ts';
import { type RevocationJob, revocationResult } from './revocation-job.ts';

const HOLDER = new URL('../revocations.ts', import.meta.url);
const SESSIONS = 25;
const WITHIN_MS = 180_000;

/** Opens sockets of some sessions in every process, ends one session after the other, and notes when who knows. */
export async function measureRevocation(bench: Bench, { processes }: RevocationRow): Promise<readonly Line[]> {
  const { effort, stage, say } = bench;
  const labels = [`a request is refused, ${processes} processes`, `a socket is closed, ${effort.sockets} open`];
  const outcome = (kind: 'failed' | 'skipped', reason: string): readonly Line[] =>
    labels.map((label) => ({ label, outcome: { kind, reason } }));
  try {
    const fleet = await openFleet(bench, gatewayTo(await stage.backEnd(), effort.sockets));
    if ('lacks' in fleet) return outcome('skipped', fleet.lacks);
    try {
      const ports: number[] = [];
      while (ports.length < processes) ports.push((await fleet.start()).port);
      const sessions: string[] = [];
      for (let nth = 0; nth < SESSIONS; nth += 1) {
        const headers = await signIn(ports[0] ?? 0, { name: 'admin', password: fleet.password });
        sessions.push(headers['authorization'] ?? '');
      }
      say(`  opening ${effort.sockets} sockets, then ending ${SESSIONS} sessions`);
      const job: RevocationJob = { ports, sessions, sockets: effort.sockets, path: '/twin/live' };
      const parse = (answer: unknown) => revocationResult.parse(answer);
      const result = await stage.children.ask(HOLDER, job, { timeoutMs: WITHIN_MS, parse });
      if (result.kind === 'failed') return outcome('failed', result.reason);
      const [refused = '', closed = ''] = labels;
      return [
        { label: refused, outcome: { kind: 'measured', figures: figuresOf(result.refused) } },
        { label: closed, outcome: { kind: 'measured', figures: figuresOf(result.closed) } },
      ];
    } finally {
      await fleet.stop();
    }
  } catch (error) {
    return outcome('failed', error instanceof Error ? error.message : String(error));
  }
}

function figuresOf(times: readonly number[]): Figures {
  const sorted = times.toSorted((a, b) => a - b);
  const { length: count } = sorted;
  return { count, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), longest: sorted.at(-1) ?? Number.NaN };
}

const gatewayTo = (url: string, maxPerPrincipal: number) => ({
  gateway: {
    backEnds: { twin: { url } },
    routes: [{ path: '/twin/*', to: 'twin', sockets: true }],
    sockets: { maxPerPrincipal },
  },
});
