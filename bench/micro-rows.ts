import type { MicroRow } from './rows.ts';

const microRow = (id: string, title: string, labels: Readonly<Record<string, string>>): MicroRow => ({
  kind: 'micro',
  id,
  title,
  entrants: Object.entries(labels).map(([name, label]) => ({ label, name: `${id}/${name}` })),
});

const TOKEN_PEERS = { twinkeep: 'Twinkeep (EdDSA)', jsonwebtoken: 'jsonwebtoken (HS256)', jose: 'jose (EdDSA)' };
const SEAL_PEERS = {
  twinkeep: 'Twinkeep (tenant looked up, place)',
  sealer: 'Twinkeep (sealer kept, place)',
  node: 'node:crypto (AES-256-GCM, AAD)',
  fernet: 'npm fernet',
};
const REWRAP_PEERS = {
  twinkeep: 'Twinkeep (SQLite file, resumable)',
  indexed: 'Twinkeep, with a blind index each',
  node: 'node:sqlite + node:crypto (bare loop)',
};
const BACKUP_PEERS = {
  twinkeep: 'Twinkeep: a backup (SQLite file of 200 MB)',
  package: 'node:sqlite backup + npm age-encryption',
  restore: 'Twinkeep: a restore',
  'restore-package': 'npm age-encryption alone',
};
const LIMITER_PEERS = {
  memory: 'Twinkeep (memory, sliding window)',
  shared: 'Twinkeep (shared by threads, sliding window)',
  'express-rate-limit': 'express-rate-limit (MemoryStore, fixed window)',
};

const DETECT_PEERS = {
  twinkeep: 'Twinkeep (all its rules)',
  unfiltered: 'Twinkeep without its prefilter and memory',
  four: 'four patterns as RegExp',
};
const DETECT_TEN = { ...DETECT_PEERS, ten: 'ten patterns as RegExp' };

/** Small pieces of work, each beside what others do for it. */
export const microRows: readonly MicroRow[] = [
  microRow('totp', 'Check of a TOTP code', { twinkeep: 'Twinkeep', otpauth: 'otpauth' }),
  microRow('token-same', 'Check of a token seen before', TOKEN_PEERS),
  microRow('token-new', 'Check of a token never seen', TOKEN_PEERS),
  microRow('seal', 'Seal 64 bytes', SEAL_PEERS),
  microRow('open', 'Open 64 bytes', SEAL_PEERS),
  microRow('rewrap', 'Seal 100,000 stored locations anew under the next key', REWRAP_PEERS),
  microRow('backup', 'Back up and restore a megabyte', BACKUP_PEERS),
  microRow('detect-post', 'Detection in the body of a reading, each another', {
    ...DETECT_PEERS,
    parsed: 'JSON.parse and ten patterns as RegExp',
  }),
  microRow('detect-get', 'Detection in the head of a GET, 20,000 of them in turn', DETECT_TEN),
  microRow('detect-text', 'Detection in a comment of a sentence or two, each another', DETECT_TEN),
  microRow('limiter', 'Count of one request, 10,000 addresses', LIMITER_PEERS),
];
