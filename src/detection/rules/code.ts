import type { Rule } from '../judge/types.ts';
import { javaRules } from './code-java.ts';
import { nodeRules } from './code-node.ts';
import { phpRules } from './code-php.ts';
import { serialisedRules } from './code-serialised.ts';
import { uploadRules } from './code-upload.ts';

/** Code of a language that servers run, and objects that they would bring to life: CWE-94, CWE-502, CWE-1321. */
export const codeRules: readonly Rule[] = [...phpRules, ...javaRules, ...nodeRules, ...serialisedRules, ...uploadRules];
