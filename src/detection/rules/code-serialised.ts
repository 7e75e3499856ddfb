import type { Rule } from '../judge/types.ts';

/** What runs code, and is sent in base64 so that nobody reads it. Long enough that no token has it by chance. */
const HIDDEN = [
  '<script>',
  '</script>',
  '<?php ',
  '_$$ND_FUNC$$_',
  'child_process',
  'java.lang.Runtime',
  'java.lang.Process',
  'ProcessBuilder',
  'processbuilder',
  'getRuntime(',
  'clonetransformer',
  'CloneTransformer',
  'forclosure',
  'ForClosure',
  'instantiatefactory',
  'InstantiateFactory',
  'instantiatetransformer',
  'InstantiateTransformer',
  'invokertransformer',
  'InvokerTransformer',
  'prototypeclonefactory',
  'PrototypeCloneFactory',
  'prototypeserializationfactory',
  'PrototypeSerializationFactory',
  'whileclosure',
  'WhileClosure',
  '/etc/passwd',
  '/bin/bash',
  '/bin/sh -',
  'while(true)',
  'eval($_',
  'system($_',
  'shell_exec(',
  'powershell',
  'bash -i >',
  '/dev/tcp/',
  '__import__(',
  'os.system(',
  '${jndi:',
] as const; // prettier-ignore

/** The three ways in which a text may stand in base64, without the letters at its ends that its neighbours change. */
function inBase64(text: string): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.from(`${'\0'.repeat(shift)}${text}`).toString('base64');
    const first = [0, 2, 3][shift] ?? 0;
    const bits = (shift + text.length) * 8;
    return encoded.slice(first, Math.floor(bits / 6));
  });
}

/** Serialised objects: CWE-502, CAPEC-586. */
export const serialisedRules: readonly Rule[] = [
  {
    id: 'code-serialised-php',
    class: 'code',
    title: 'a serialised object of PHP',
    view: 'decoded',
    match: { regex: String.raw`\b[oc]:\+?\d+:\\?"[\w\\*]+\\?":\+?\d+:\{|\ba:\d+:\{\s*(?:i:\d+|s:\d+:)` },
    weight: 5,
    inText: 3,
  },
  {
    id: 'code-serialised-java',
    class: 'code',
    title: 'a serialised object of Java, .NET, Python or Ruby',
    view: 'decoded',
    match: {
      regex: String.raw`(?:^|[=:"'>,;({\[])\s*(?:rO0AB|KztAAU|Cs7QAF)|\bACED0005|\baced0005|^\s*"?gASV[A-Za-z0-9]|^\s*"?gA[NJ][A-Za-z]|^\s*"?BAh[a-zA-Z7]|AAEAAAD/////|^\s*c(?:os|posix|nt|subprocess|builtins|__builtin__)\s+\w+|\xac\xed\x00?\x05|^\s*\x04\x08[\[{o"IiuU]`,
      caseSensitive: true,
    },
    weight: 5,
    inText: 3,
  },
  {
    id: 'code-serialised-named',
    class: 'code',
    title: 'the name of a class that a deserialiser is to make an object of',
    view: 'decoded',
    match: {
      regex: String.raw`!!(?:python/(?:object|name|module)|javax?\.\w|ruby/|com\.sun|org\.)|!ruby/\w+:|!php/object|\bsystem\.(?:windows\.data\.objectdataprovider|diagnostics\.process|management\.automation|configuration\.install|workflow\.\w+)\b|["']?@type["']?\s*:\s*["'][\w.]+\.\w+|\bpy/(?:object|reduce|type)["']|\bjson_class\b`,
    },
    weight: 5,
    inText: 2,
  },
  {
    id: 'code-base64',
    class: 'code',
    title: 'code in base64',
    view: 'decoded',
    match: { phrases: [...new Set(HIDDEN.flatMap(inBase64))] },
    weight: 5,
    inText: 3,
  },
];
