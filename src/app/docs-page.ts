import { createHash } from 'node:crypto';
import type { Route } from '../http/index.ts';
import type { LedgerRow } from './ledger.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.05rem;margin:2rem 0 .3rem}code{font:14px ui-monospace,monospace;background:#eef1f4;padding:.1em .3em;border-radius:3px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #d8dee4;vertical-align:top}
.m{display:inline-block;min-width:4.5rem;font-weight:600}.s{color:#57606a}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}code{background:#21262d}td,th{border-color:#30363d}.s{color:#8d96a0}}`;

const HASH = createHash('sha256').update(STYLE).digest('base64');

/** The policy of the page: its own style, by hash, and nothing else. */
export const DOCS_POLICY = `default-src 'none'; style-src 'sha256-${HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The surface as one page, without a script. */
export function docsPage(
  routes: readonly Route[],
  ledger: (routes: readonly Route[]) => readonly LedgerRow[],
  version: string,
): string {
  const summaries = new Map(routes.map((route) => [`${route.method} ${route.host ?? ''}${route.path}`, route]));
  const rows = ledger(routes).map((row) => {
    const route = summaries.get(`${row.method} ${row.path}`);
    const faults = (route?.faults ?? []).map((code) => `<code>${code}</code>`).join(' ');
    return `<h2><span class="m">${row.method}</span> <code>${escapeHtml(row.path)}</code></h2>
<p>${escapeHtml(route?.summary ?? '')}</p>
<table><tr><th>Access</th><td>${escapeHtml(row.access)}</td></tr><tr><th>Limits</th><td>${escapeHtml(row.limits)}</td></tr>
<tr><th>Body</th><td>${escapeHtml(row.body)}</td></tr>${faults === '' ? '' : `<tr><th>Errors</th><td>${faults}</td></tr>`}</table>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Twinkeep API</title><style>${STYLE}</style></head><body><h1>Twinkeep API</h1>
<p class="s">Version ${escapeHtml(version)}. The same as data: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).
Send an access token as <code>Authorization: Bearer …</code> or a key as <code>X-API-Key: …</code>. Errors are problem details (RFC 9457).</p>
${rows.join('\n')}</body></html>`;
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
