import { z } from 'zod';
import { actorOf, defineRoute, ok, type Route } from '../http/index.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Bus, HotState, Storage } from '../storage/index.ts';
import { type Reloaded, reloadedSchema } from './config-changes.ts';
import { DOCS_POLICY, docsPage } from './docs-page.ts';
import type { LedgerRow } from './ledger.ts';
import { openApiOf } from './openapi.ts';
import { createPages, type Page } from './pages.ts';

export interface SystemDeps {
  readonly storage: Storage;
  readonly hot: HotState;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly version: string;
  /** The rows of routes, for the page that shows them. */
  readonly ledger: (routes: readonly Route[]) => readonly LedgerRow[];
  /** Every code of every room. */
  readonly faults: Parameters<typeof openApiOf>[1];
  /** Reads the configuration anew and serves it. @throws CONFIG_INVALID */
  readonly reload: (actor: Actor) => Promise<Reloaded>;
  /** Whether the provider of the master key answers; keys that are open outlast its absence for a while. */
  readonly vault: () => Verdict;
  /** False while the program starts or ends. */
  readonly serving: () => boolean;
}

const check = z.enum(['ok', 'degraded', 'failing']);
const ready = z.strictObject({
  status: check,
  checks: z.strictObject({ serving: check, database: check, hot_state: check, bus: check, vault: check }),
});

/** Routes about the server itself. @param routes all that are served, these included, for the pages that list them */
export function systemRoutes(deps: SystemDeps, routes: () => readonly Route[]): readonly Route[] {
  const { storage, hot, bus, metrics, version, ledger, faults, serving, vault } = deps;
  const probe = (name: string) => ({ kind: 'unlimited', because: `${name} must be able to ask at any time` }) as const;
  const page = { kind: 'public', because: 'it says what the published documentation says' } as const;

  async function readiness() {
    const [database, hotState] = await Promise.all([passes(storage.probe()), passes(hot.probe())]);
    const checks = {
      serving: verdict(serving()),
      database,
      hot_state: hotState,
      bus: verdict(bus.healthy()),
      vault: vault(),
    };
    const all = Object.values(checks);
    const status: Verdict = all.includes('failing') ? 'failing' : all.includes('degraded') ? 'degraded' : 'ok';
    return { good: status !== 'failing', body: { status, checks } };
  }

  const pageOf = createPages();
  let printed: { all: readonly Route[]; document: Page; html: Page } | undefined;
  let pending: Promise<string> | undefined;
  const own: readonly Route[] = [
    defineRoute({
      method: 'GET',
      path: '/health',
      summary: 'Whether the process answers.',
      access: probe('a supervisor'),
      replies: { 200: z.strictObject({ status: z.literal('ok') }) },
      faults: [],
      handle: async () => ok({ status: 'ok' }),
    }),
    defineRoute({
      method: 'GET',
      path: '/ready',
      summary: 'Whether requests can be served: database, hot state, bus and the provider of the master key.',
      access: probe('a load balancer'),
      replies: { 200: ready, 503: ready },
      faults: [],
      handle: async () => {
        const { good, body } = await readiness();
        return { status: good ? 200 : 503, body };
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/metrics',
      summary: 'Counters in the text format of Prometheus.',
      access: probe('a collector'),
      replies: { 200: 'text/plain; version=0.0.4; charset=utf-8' },
      faults: [],
      handle: async () => {
        // Whoever asks while the text is being made gets the same: nobody is limited here, and it is not cheap.
        pending ??= metrics.text().finally(() => {
          pending = undefined;
        });
        return ok(await pending);
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/openapi.json',
      summary: 'This surface as an OpenAPI 3.1 document.',
      access: page,
      replies: { 200: 'application/json' },
      faults: [],
      handle: async () => {
        return ok(pages().document);
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/docs',
      summary: 'This surface as a page.',
      access: page,
      replies: { 200: 'text/html; charset=utf-8' },
      faults: [],
      handle: async () => {
        return ok(pages().html, { headers: { 'content-security-policy': DOCS_POLICY } });
      },
    }),
  ];
  return [...own, reloadRoute(deps)];

  /** Made at the first request, for starting must be quick, and again after a reload. */
  function pages() {
    const all = routes();
    if (printed?.all !== all) {
      // What stands behind the gateway is the operator's own business, and everybody may read these pages.
      const shown = all.filter(({ relay }) => relay === undefined);
      const document = pageOf(JSON.stringify(openApiOf(shown, faults, version)));
      printed = { all, document, html: pageOf(docsPage(shown, ledger, version)) };
    }
    return printed;
  }
}

type Verdict = z.output<typeof check>;
const verdict = (good: boolean): Verdict => (good ? 'ok' : 'failing');
const passes = (probe: Promise<void>): Promise<Verdict> =>
  probe.then(
    () => 'ok' as const,
    () => 'failing' as const,
  );

const reloadRoute = ({ reload }: SystemDeps): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/config/reload',
    summary: 'Reads the configuration anew; a bad one is refused, and the old one stays.',
    access: { kind: 'permission', permission: 'platform:config' },
    records: 'change',
    replies: { 200: reloadedSchema },
    faults: ['APP_CONFIG_REFUSED'],
    handle: async ({ caller, context }) => ok(await reload(actorOf(context, caller))),
  });
