import type { Channel, Rule } from '../judge/types.ts';

/** Runs of text in what is no text: of random bytes, and of honest files, none has these by chance. */
const BINARY: readonly Channel[] = ['binary'];

/** Programs and documents that are hidden in a picture, an archive or nothing at all: CWE-434, CAPEC-650. */
export const uploadRules: readonly Rule[] = [
  {
    id: 'code-upload-php',
    class: 'code',
    title: 'PHP inside of a file',
    view: 'raw',
    match: { regex: String.raw`<\?php\s|<\?=\s*(?:\$_|\x60\w|\w{2,20}\s*\()|<script\s+language\s*=\s*["']?php` },
    weight: 5,
    channels: BINARY,
  },
  {
    id: 'code-upload-server-page',
    class: 'code',
    title: 'a page of Java or .NET inside of a file',
    view: 'raw',
    match: {
      regex: String.raw`<%@\s*(?:page|webhandler|webservice|import)\s+\w+\s*=|<%[^%]*(?:runtime\.getruntime|processbuilder|request\.getparameter|request\.item|eval\s*\(|wscript\.shell)`,
    },
    weight: 5,
    channels: BINARY,
  },
  {
    id: 'code-upload-entity',
    class: 'xxe',
    title: 'an external entity inside of a file',
    view: 'raw',
    match: { regex: String.raw`<!entity\s+(?:%\s*)?[\w.:-]+\s+(?:system|public)\s+["']` },
    weight: 5,
    channels: BINARY,
  },
];
