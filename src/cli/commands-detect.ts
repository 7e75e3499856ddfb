import type { Command } from './command.ts';

const changes = {
  rules: { value: 'FILE', summary: 'With this file of rules (as detection.inspection.rulesFile).' },
  threshold: { value: 'N', summary: 'With another threshold (3 to 50).' },
  exceptions: { value: 'FILE', summary: 'With the exceptions of this JSON file instead of those in force.' },
  model: { value: 'on|off', summary: 'With the linear model, or without it.' },
} as const;

const route = { value: 'ROUTE', summary: 'As if sent to this route: "POST /v1/x".' };

/** The commands about attacks inside of requests, in the order of the help. */
export const DETECT_COMMANDS: readonly Command[] = [
  {
    name: 'detect explain',
    operands: [],
    summary: 'Say what detection makes of one request and why, sending nothing; ends with 1 for an attack alone.',
    options: {
      url: { value: 'URL', summary: 'Its address, with or without a host, as it would be sent.' },
      method: { value: 'M', summary: 'Its method (default: GET; with a body POST).' },
      header: { value: 'H', several: true, summary: 'A header: "Name: value".' },
      body: { value: '@FILE|TEXT', summary: 'Its body: a text, or that of a file.' },
      raw: { value: 'FILE|-', summary: 'A whole HTTP request, head and body, of a file or of standard input.' },
      curl: { value: 'LINE', summary: 'A curl command line, in one argument.' },
      text: { value: 'TEXT', summary: 'A text alone, as the value of a parameter.' },
      route,
      ...changes,
    },
    example: 'twinkeep detect explain --text "1 or 1=1" --route "GET /v1/readings"',
    load: async () => (await import('./detect-explain.ts')).explainRequest,
  },
  {
    name: 'detect replay',
    operands: ['<FILE>'],
    summary: 'Judge recorded requests, or a corpus, by the rules in force and by changed ones; sends nothing.',
    options: {
      ...changes,
      route,
      format: { value: 'F', summary: 'har, jsonl, log (common or combined) or text; by the file unless told.' },
      'max-false': { value: 'N', summary: 'End with 1 where more than N are hit that the record calls no attack.' },
      'max-bad': {
        value: 'N',
        summary: 'End with 1 where more than N cannot be read (with --max-false: 0 unless told).',
      },
    },
    example: 'twinkeep detect replay traffic.har --rules rules.json --max-false 0',
    load: async () => (await import('./detect-replay.ts')).replayFile,
  },
  {
    name: 'detect rules',
    operands: [],
    summary: 'List the rules of detection, with what each has found where a server runs.',
    options: { class: { value: 'C', summary: 'Those of one class: sqli, xss, rce, …' } },
    example: 'twinkeep detect rules --class sqli',
    load: async () => (await import('./detect-rules.ts')).listRules,
  },
];
