import type { Command } from './command.ts';

/** The commands about certificates, in the order of the help. */
export const TLS_COMMANDS: readonly Command[] = [
  {
    name: 'tls generate',
    operands: [],
    summary: 'Make a key and a certificate that vouches for itself, or an authority with a pair for server and client.',
    options: {
      type: { value: 'TYPE', summary: 'rsa-4096, p-256 or ed25519, which no browser takes (default: p-256).' },
      host: { value: 'NAMES', required: true, summary: 'Names and addresses of the server, with commas between them.' },
      days: { value: 'N', summary: 'How long it is good (1 to 3650; default: 397, the most that browsers take).' },
      out: { value: 'DIR', required: true, summary: 'Where the files are written; keys are for their owner alone.' },
      ca: {
        summary: 'An authority, a certificate of the server and one of a client, for both ends to know each other.',
      },
      force: { summary: 'Write over files of those names.' },
    },
    example: 'twinkeep tls generate --type p-256 --host twin.example,127.0.0.1 --out tls',
    load: async () => (await import('./tls-generate.ts')).generateTls,
  },
  {
    name: 'tls show',
    operands: [],
    summary: 'Say which certificate is served, until when, and what may be wrong with it.',
    options: { url: { value: 'URL', summary: 'The server to ask (default: the one of this configuration).' } },
    example: 'twinkeep tls show --url https://twin.example',
    load: async () => (await import('./tls-show.ts')).showTls,
  },
];
