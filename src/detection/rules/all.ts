import type { Rule } from '../judge/types.ts';
import { alsoInAgents } from './channels.ts';
import { codeRules } from './code.ts';
import { ldapRules } from './ldap.ts';
import { nosqlRules } from './nosql.ts';
import { probeRules } from './probes.ts';
import { protocolRules } from './protocol.ts';
import { rceRules } from './rce.ts';
import { redirectRules } from './redirect.ts';
import { scannerRules } from './scanner.ts';
import { sqliRules } from './sqli.ts';
import { ssrfRules } from './ssrf.ts';
import { sstiRules } from './ssti.ts';
import { traversalRules } from './traversal.ts';
import { xssRules } from './xss.ts';
import { xxeRules } from './xxe.ts';

/** Every rule that comes with Twinkeep, a file for each class of attack. */
export const ALL_RULES: readonly Rule[] = [
  ...sqliRules,
  ...xssRules,
  ...traversalRules,
  ...rceRules,
  ...sstiRules,
  ...xxeRules,
  ...nosqlRules,
  ...ldapRules,
  ...ssrfRules,
  ...codeRules,
  ...protocolRules,
  ...redirectRules,
  ...scannerRules,
  ...probeRules,
].map(alsoInAgents);
