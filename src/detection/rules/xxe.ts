import type { Rule } from '../judge/types.ts';
import { FIELDS } from './channels.ts';
import { noneOf } from './words.ts';

/** Where drawings, property lists and pages say that their document type is: known by heart, and fetched by nobody. */
const KNOWN_HOSTS = ['www.w3.org/', 'www.apple.com/dtds/'];
const KNOWN = KNOWN_HOSTS.flatMap((host) => [`http://${host}`, `https://${host}`]);
const IDENTIFIED = String.raw`(?:system|public\s+(?:"[^"]*"|'[^']*'))\s+["']\s*`;
const ELSEWHERE = String.raw`(?:https?:/(?:[^/]|/+${noneOf(KNOWN_HOSTS)})|/|\\\\|(?:[b-gi-z]|h[a-su-z])[\w.+-]*:)`;
/** A host that nobody in the world outside could mean, for it has no dot or is a number; or none at all. */
const INNER = String.raw`(?:(?:file|ftp|gopher|jar|netdoc|php|expect|data|smb|ldap):|(?:https?:)?//(?:[^/\s@"']*@)?(?:[\w-]+|\d+\.\d+\.\d+\.\d+|\[[^\]]*\])(?::\d+)?[/"'\s])`;

/** External entities: CWE-611, CAPEC-221; XML injection: CWE-91. */
export const xxeRules: readonly Rule[] = [
  {
    id: 'xxe-entity',
    class: 'xxe',
    title: 'the declaration of an entity',
    view: 'decoded',
    match: { regex: String.raw`<!\s*(?:entity|attlist|notation)\s+(?:%\s*)?[\w.:-]+\s` },
    weight: 5,
    inText: 4,
  },
  {
    id: 'xxe-external-doctype',
    class: 'xxe',
    title: 'a document type from elsewhere',
    view: 'decoded',
    match: {
      regex: String.raw`<!\s*doctype\s+[\w.:%-]+\s+(?:${IDENTIFIED}${noneOf([...KNOWN, 'about:legacy-compat'])}|(?:public|system)\s+[^\s"']|\[)`,
    },
    weight: 5,
    inIsland: 2,
  },
  {
    id: 'xxe-doctype-address',
    class: 'xxe',
    title: 'a document type by an address, or with declarations',
    view: 'decoded',
    match: {
      regex: String.raw`<!\s*doctype\s+[\w.:%-]+\s+(?:${IDENTIFIED}${ELSEWHERE}|\[\s*[<%])`,
    },
    weight: 5,
    inIsland: 5,
    inText: 3,
  },
  {
    id: 'xxe-uploaded-doctype',
    class: 'xxe',
    title: 'a document type or a part from elsewhere, in a file',
    view: 'decoded',
    match: {
      regex: String.raw`<!\s*doctype\s+[\w.:%-]+\s+${IDENTIFIED}${ELSEWHERE}|<\s?[\w-]+:include\b[^>]*\bhref\s*=\s*["']\s*(?:${INNER}|/(?:etc|proc|dev|root|sys|var)/|[a-z]:[\\/])|<[\w-]*:?(?:value-of|copy-of|variable)\b[^>]*\b(?:document|unparsed-text|doc)\s*\(\s*["'](?:${INNER}|/(?:etc|proc|dev|root)/)|\b(?:xmlns:\w+\s*=\s*["']http://php\.net/xsl|urn:schemas-microsoft-com:xslt["'][^<]*<msxsl:script|<msxsl:script)`,
    },
    weight: 5,
    inText: 5,
    channels: ['binary'],
  },
  {
    id: 'xxe-include',
    class: 'xxe',
    title: 'a document that includes another',
    view: 'decoded',
    match: {
      regex: String.raw`<\s?\w+:include\b[^>]*\bhref|<\s?xi:\w|w3\.org/2001/xinclude|<\?xml-stylesheet[^>]*href|<!\[cdata\[\s?<\s?\]\]>|<xsl:(?:include|import|value-of|copy-of|variable|template)\b|<\?import\b|<xml\b[^>]*\b(?:id|src)\s?=|\b(?:nonamespace)?schemalocation\s*=\s*["'](?:[^"']*\s)?\s*${INNER}|<\w+:import\b[^>]*\blocation\s*=\s*["']\s*${INNER}`,
    },
    weight: 5,
    inText: 2,
  },
  {
    id: 'xxe-document',
    class: 'xxe',
    title: 'an XML document in the place of a value',
    view: 'decoded',
    match: { regex: String.raw`^\s*["']?<\?xml\b|<methodcall>|<(?:soap|soapenv|env)\w*:envelope` },
    weight: 5,
    inIsland: 3,
    channels: FIELDS.filter((channel) => channel !== 'text'),
  },
  {
    id: 'xxe-reference',
    class: 'xxe',
    title: 'a reference to an entity that is not one of HTML',
    view: 'decoded',
    match: {
      regex: String.raw`<\w+>[^<]*&(?:xxe\w*|file|ext\w*|payload|system\w*|send|remote|exfil\w*|harmless|lol\d?|a\d);`,
    },
    weight: 5,
    inText: 2,
  },
];
