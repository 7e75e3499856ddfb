import type { Channel, Rule } from '../judge/types.ts';

/** Runs of text in what is no text: of random bytes, and of honest files, none has these by chance. */
const BINARY: readonly Channel[] = ['binary'];
/** Also of documents, where a page about PHP is content: only what takes orders from a request is told there. */
const FILES: readonly Channel[] = ['binary', 'document'];
const RUNS =
  'system|exec|passthru|shell_exec|popen|proc_open|pcntl_exec|eval|assert|create_function|call_user_func(?:_array)?|include(?:_once)?|require(?:_once)?|file_put_contents|move_uploaded_file|preg_replace|unserialize';

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
    id: 'code-upload-shell',
    class: 'code',
    title: 'a page that runs what a request tells it to',
    view: 'raw',
    match: {
      regex: String.raw`<\?(?:php\b|=)?[^?]*(?:\b(?:${RUNS})\b|\x60|\$_?\w+(?:\[[^\]]*\])?\s*\()[^;?]*\$\{?["']?_*(?:get|post|request|cookie|server|files|headers)\b|<\?(?:php\b|=)[^?]*\b(?:eval|assert)\s*\(\s*(?:base64_decode|gz\w+|str_rot13|hex2bin|convert_uudecode)|<%[^%]*\b(?:getruntime\s*\(\s*\)\s*\.\s*exec|new\s+processbuilder|process\.start)\b|<%\s*(?:eval|execute(?:global)?)[\s(]+request|<%[^%]*\beval\s*\(\s*request`,
    },
    weight: 5,
    inText: 5,
    channels: FILES,
  },
  {
    id: 'code-upload-drawing',
    class: 'code',
    title: 'a picture that makes its reader run a command or hand out a file',
    view: 'raw',
    match: {
      regex: String.raw`\(%pipe%|\burl\(\s*(?:https?|ephemeral|label|msl):[^)\n]*\|\s*\w|\bimage\s+over\s+[\d,.]+\s+[\d,.]+\s+["'](?:msl|mvg|text|ephemeral|label):|<(?:image|read|use|feimage)\b[^>]*\b(?:href|filename)\s*=\s*["']\s*(?:(?:expect|php|phar|gopher|jar|netdoc|msl|mvg|text|ephemeral|label):|file:/{2,3}(?:etc|proc|dev|root|sys|var|c:/windows)\b)`,
    },
    weight: 5,
    inText: 5,
    channels: FILES,
  },
  {
    id: 'code-upload-formula',
    class: 'rce',
    title: 'a cell of a table that starts a program (DDE)',
    view: 'raw',
    match: {
      regex: String.raw`(?:^|[,;\t\n"])[=+@-][^\n,;|]{0,60}\b(?:cmd|powershell|mshta|rundll32|msexcel|certutil|bash)(?:\.exe)?\s*\|\s*["']`,
    },
    weight: 5,
    inText: 5,
    channels: FILES,
  },
  {
    id: 'code-upload-setting',
    class: 'code',
    title: 'a setting by which a server runs what is no program',
    view: 'raw',
    match: {
      regex: String.raw`(?:^|\n)\s*(?:addtype\s+application/x-httpd|addhandler\s+\S*(?:php|cgi|python)|sethandler\s+["']?(?:application/x-httpd|proxy:|server-)|php_(?:value|flag|admin_value)\s|auto_(?:prepend|append)_file\s*=)|<add\s[^>]*\bscriptprocessor\s*=`,
    },
    weight: 5,
    channels: BINARY,
  },
  {
    id: 'code-upload-entity',
    class: 'xxe',
    title: 'an external entity inside of a file',
    view: 'raw',
    match: {
      regex: String.raw`<!entity\s+(?:%\s*)?[\w.:-]+\s+(?:system|public)\s+["']|<!entity\s[^>]*&#(?:x0*25|0*37);|<!entity\s+[\w.:-]+\s+["'](?:&[\w.:-]+;){4}`,
    },
    weight: 5,
    channels: BINARY,
  },
];
