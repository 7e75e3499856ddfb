import type { Audit } from '../audit/index.ts';
import { actorOf, type RelayInput } from '../http/index.ts';
import type { AuditEntry, Outcome } from '../kernel/audit.ts';
import type { Json } from '../kernel/tx.ts';
import { gatewayFault } from './errors.ts';
import type { Plan } from './plan.ts';

/** What the gateway does, as the audit log gets to know it. */
export type GatewayAction = 'gateway.forwarded' | 'gateway.connected';

/** Keeps the record of what is handed on. */
export interface Recorder {
  /** Before the act, and awaited. @throws GATEWAY_UNRECORDED */
  intend(action: GatewayAction, input: RelayInput, plan: Plan): Promise<void>;
  /** After it; nobody waits, for the answer is out already. */
  conclude(
    action: GatewayAction,
    input: RelayInput,
    plan: Plan,
    outcome: Outcome,
    facts: Readonly<Record<string, Json>>,
  ): void;
  /** Many reads by one caller become one entry. */
  noteRead(input: RelayInput, plan: Plan): void;
  /** Resolves when every entry so far is kept, or has failed. */
  settle(): Promise<void>;
}

export interface RecorderDeps {
  readonly audit: Pick<Audit, 'write' | 'noteRead'>;
  readonly onError: (error: unknown) => void;
}

const MAX_PATH = 512;

export function createRecorder({ audit, onError }: RecorderDeps): Recorder {
  const writing = new Set<Promise<void>>();
  return {
    intend: async (action, input, plan) => {
      try {
        await audit.write(entryOf(action, input, plan, 'intended', {}));
      } catch (error) {
        onError(error);
        throw gatewayFault('GATEWAY_UNRECORDED', {}, error); // an act that no record can show does not happen
      }
    },
    conclude: (action, input, plan, outcome, facts) => {
      const written = audit.write(entryOf(action, input, plan, outcome, facts)).catch(onError);
      writing.add(written);
      void written.finally(() => writing.delete(written));
    },
    noteRead: ({ caller, tenantId, request }, plan) => {
      if (caller.kind === 'anonymous') return;
      audit.noteRead({ principal: caller, tenantId, route: `${request.method} ${plan.path}`, records: 1 });
    },
    settle: async () => {
      await Promise.all(writing);
    },
  };
}

function entryOf(
  action: GatewayAction,
  { context, caller, tenantId, request }: RelayInput,
  plan: Plan,
  outcome: Outcome,
  more: Readonly<Record<string, Json>>,
): AuditEntry {
  const url = request.url ?? '';
  const query = url.indexOf('?'); // left out: it may hold what nobody may read later
  const path = url.slice(0, query === -1 ? MAX_PATH : Math.min(query, MAX_PATH));
  return {
    ...actorOf(context, caller, caller.kind === 'anonymous' ? undefined : tenantId),
    action,
    outcome,
    object: { type: 'back-end', id: plan.to },
    facts: { method: request.method ?? '', path, ...more },
  };
}
