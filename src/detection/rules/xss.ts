import type { Rule } from '../judge/types.ts';
import { FIELDS } from './channels.ts';
import { noneOf } from './words.ts';
import { xssScriptRules } from './xss-script.ts';
import { HANDLER, POPUP } from './xss-words.ts';

/** Elements of HTML that load or run something and that no document of data has. */
const RUNS =
  'iframe|frameset|embed|applet|isindex|i?layer|bgsound|vmlframe|animate\\w*|foreignobject|math|portal|keygen|plaintext|xss|style|marquee|noscript|noembed|noframes|xmp|form|button|textarea|input|body|dialog|details|xsl:\\w+|svg:\\w+|html:\\w+|stylesheet';
/** The same, but other documents have them as well. */
const LOADS = 'frame|object|meta|base|link|xml|import|set|handler|listener|template|comment|event-source|image|command';
/** What an element may fetch or run from. */
/** Pages that editors let their users show inside of a text, at the addresses that are made for it. */
const UNKNOWN_PLAYER = noneOf(
  [
    'www.youtube.com/embed/',
    'www.youtube-nocookie.com/embed/',
    'player.vimeo.com/video/',
    'www.openstreetmap.org/export/embed',
    'www.google.com/maps/embed',
    'open.spotify.com/embed/',
  ].flatMap((address) => [`https://${address}`, `//${address}`]),
);
const FETCHES =
  'src|srcset|srcdoc|data|code|codebase|href|action|formaction|background|poster|dynsrc|lowsrc|content|implementation|folder|datasrc|classid|manifest|profile|longdesc|xlink:href|values|to|from|by|style|expr';

/** Cross-site scripting: CWE-79, CAPEC-63. */
export const xssRules: readonly Rule[] = [
  ...xssScriptRules,
  {
    id: 'xss-libinjection',
    class: 'xss',
    title: 'reads like HTML that runs (libinjection)',
    view: 'decoded',
    match: { is: 'xss' },
    weight: 4,
    inIsland: 2,
    channels: FIELDS,
  },
  {
    id: 'xss-script',
    class: 'xss',
    title: 'a script element',
    view: 'js',
    match: {
      regex: String.raw`[<\x{bc}][\s/%+\\]*(?:\w+:)?s\s?c\s?r\s?i\s?p\s?t(?:[^\w.@-]|$)|\+adw-\s?/?\s?\w`,
    },
    weight: 5,
    inIsland: 2,
    inText: 1,
    channels: FIELDS,
  },
  {
    id: 'xss-script-with-content',
    class: 'xss',
    title: 'a script element that does something',
    view: 'js',
    match: {
      regex: String.raw`[<\x{bc}][\s/%+\\]*(?:\w+:)?script\b(?:[^>]*\b(?:src|href)\s*=\s*\S|[^>\x{be}]*[>\x{be}][^<]*?[\w\])\x60]\s*(?:\(|=|\x60|\.\w))`,
    },
    weight: 3,
    inText: 4,
    channels: FIELDS,
  },
  {
    id: 'xss-script-out-of-string',
    class: 'xss',
    title: 'a script element that begins or ends behind the end of a string',
    view: 'js',
    match: {
      regex: String.raw`["'\x60>})\];]\s*</?(?:script|style|textarea|title|noscript)\b[^>@]*>|^[^<]*["'\x60})\]]\s*/?>?\s*</?svg\b[^>@]*>|</script\s?>\s?["'<]`,
    },
    weight: 3,
    inText: 2,
  },
  {
    id: 'xss-closing',
    class: 'xss',
    title: 'the end of whatever may be open: comments, sections, raw text',
    view: 'decoded',
    match: {
      regex: String.raw`^\s*</\s?(?:script|style|title|textarea|noscript|noembed|noframes|template|xmp|iframe|svg|math|stylesheet|select|option|form)[\s/]*>|["'\x60]\s*--!?>\s*\]|["'\x60]\s*\)?\s*--!?>\s*<\s*\w|^\s*--!?>\s*<\s*\w|\]\]>\s*\]>|\]\]>\s*["'\x60]|["'];\s?!--["'<]`,
    },
    weight: 5,
    inIsland: 3,
    channels: FIELDS,
  },
  {
    id: 'xss-handler',
    class: 'xss',
    title: 'an element with an event handler',
    view: 'js',
    match: {
      regex: String.raw`<[a-z!/?%\x60\\](?:[^>"']|"[^"]*"|'[^']*'|["'])*?[\s/"'\x60\]\x0c]\s?on[a-z_]+[^\w\s=]*\s*(?:/\s?)?(?:\[\w\])?=`,
    },
    weight: 5,
    inText: 5,
    channels: FIELDS,
  },
  {
    id: 'xss-handler-blank',
    class: 'xss',
    title: 'an element with an event handler behind an unusual blank',
    view: 'decoded',
    match: { regex: String.raw`<[a-z!/?%\x60\\][^>]*[\x09-\x0d/]on[a-z_]+[\s/]*=` },
    weight: 5,
    inText: 5,
    channels: FIELDS,
  },
  {
    id: 'xss-framework-attribute',
    class: 'xss',
    title: 'an element with an attribute that a framework of pages runs',
    view: 'js',
    match: {
      regex: String.raw`<[a-z][^>]*?[\s/"'](?:ng-(?:app|init|focus|click|on\w*|bind-html|include|mouse\w+|csp)|v-(?:on:|html|bind:|show|if|for)|x-(?:data|init|on:|html)|hx-on|data-(?:bind|ng-\w+)|@(?:click|mouse\w+|focus|error|load))[\w:.-]*(?:\s*=|[\s>])`,
    },
    weight: 5,
    inIsland: 3,
    channels: FIELDS,
  },
  {
    id: 'xss-broken-attribute',
    class: 'xss',
    title: 'a quote that is closed, and an event handler behind it',
    view: 'js',
    match: {
      regex: String.raw`["'\x60>][^<>]*?[\s/;"'\x60](?:autofocus|${HANDLER})[\s/]*=[\s/]*["'\x60]?\s*[\w(\[\x60"'!~+-]|^[\s/;]*(?:autofocus|${HANDLER})[\s/]*=[\s/]*[(\[\x60"'!~]`,
    },
    weight: 2,
    inIsland: 0,
  },
  {
    id: 'xss-handler-out-of-quote',
    class: 'xss',
    title: 'an event handler behind the end of an attribute',
    view: 'js',
    match: { regex: String.raw`(?:^|[\w\s>)])["'\x60][\s/>]*(?:autofocus[\s/]+)?${HANDLER}\s*=` },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'xss-handler-call',
    class: 'xss',
    title: 'an event handler that calls something',
    view: 'js',
    match: {
      regex: String.raw`(?:^|[\s/;"'\x60>&+?])${HANDLER}[\s/]*=[\s/]*["'\x60&;\w]*\s*(?:java\w*:|\W*[\w.\[\]'"$+!~-]+\s*[(\x60=]|document|window|location|self|top\b|this\b|eval|throw|import\b)`,
    },
    weight: 5,
    inIsland: 2,
    inText: 0,
    channels: FIELDS,
  },
  {
    id: 'xss-handler-popup',
    class: 'xss',
    title: 'an event handler that makes the call of every demonstration',
    view: 'js',
    match: {
      regex: String.raw`(?:^|[\s/;"'\x60>&+?])${HANDLER}[\s/]*=[^<>]*?(?:${POPUP}|\beval\b|\bfetch\s?\(|document\s?[.\[]|\blocation\b|java\w*:|\bimport\s?\(|\bthrow\b|window\s?[.\[])`,
    },
    weight: 3,
    inIsland: 5,
    inText: 4,
    channels: FIELDS,
  },
  {
    id: 'xss-javascript-url',
    class: 'xss',
    title: 'an address that is a script',
    view: 'js',
    match: {
      regex: String.raw`\b(?:j\s?a\s?v\s?a|v\s?b|live)\s?s\s?c\s?r\s?i\s?p\s?t\s*(?::|&colon|\\x3a|\\u003a)(?:[^\s,."']|\s+(?:[^\w\s,."']|[\w.$]+\s*(?:[(\x60\[=;]|$)))|\burl\s*\(\s*['"]?\s*java\s?script|(?:src|href)\s*=\s*["']?\s*(?:mocha|livescript|vbs)\s?:|\[[^\]]*\]\(\s*<?\s*(?:java|vb)script:`,
    },
    weight: 5,
    inText: 3,
    channels: FIELDS,
  },
  {
    id: 'xss-data-url',
    class: 'xss',
    title: 'an address that holds a page',
    view: 'js',
    match: {
      regex: String.raw`\bdata\s?:\s?(?:text/html|image/svg[+\s]?\w*[;,][^,]*(?:%3c|<|phn2)|application/(?:xhtml\+?xml|xml|javascript)|text/(?:xml|javascript)|;base64|,\s?<)|\b(?:mhtml|feed|jar|view-source|mocha|ms-its|mk:@\w+)\s?:\s?(?:http|java|data|file)`,
    },
    weight: 5,
    inText: 2,
  },
  {
    id: 'xss-active-element',
    class: 'xss',
    title: 'an element of HTML that loads or runs something',
    view: 'js',
    match: {
      regex: String.raw`<[\s/]*(?:${RUNS})(?:[\s/>"']|$)|<:?\w*:?vmlframe|<!--\s?\[if|<!\[cdata\[[^\]]*<|<f\s+o\s+r\s+m|<\s*\w+\s*:\s*script`,
    },
    weight: 3,
    inIsland: 2,
    channels: FIELDS,
  },
  {
    id: 'xss-drawing',
    class: 'xss',
    title: 'a drawing',
    view: 'js',
    match: { regex: String.raw`<[\s/]*svg(?:[\s/>"']|$)` },
    weight: 2,
    channels: FIELDS,
  },
  {
    id: 'xss-odd-element',
    class: 'xss',
    title: 'an element that nothing but an attack uses, or one that is all there is',
    view: 'js',
    match: {
      regex: String.raw`<[\s/]*(?:applet|isindex|i?layer|bgsound|\w*:?vmlframe|animate(?:motion|transform|color)?|foreignobject|portal|keygen|plaintext|xss|xss:\w+|marquee|xsl:\w+|svg:\w+|html:\w+|stylesheet|noembed|xmp)(?:[\s/>"']|$)|^\s*<\s*(?:iframe|svg|math|embed|object|frameset|style|form|template)(?:[\s/][^>]*)?>?\s*$|<f\s+o\s+r\s+m|<\s*\w*\s*:\s*(?:script|vmlframe)|<\?import\b|<!attlist\b`,
    },
    weight: 5,
    inIsland: 1,
    channels: FIELDS,
  },
  {
    id: 'xss-loading-element',
    class: 'xss',
    title: 'an element that may load something',
    view: 'js',
    match: { regex: String.raw`<[\s/]*(?:\w+:)?(?:${LOADS})(?:[\s/>"']|$)|<%` },
    weight: 1,
    channels: FIELDS,
  },
  {
    id: 'xss-element-with-address',
    class: 'xss',
    title: 'an active element that fetches from elsewhere',
    view: 'js',
    match: {
      regex: String.raw`<[\s/]*(?:\w+:)?(?:${RUNS}|${LOADS}|img|video|audio|source|track|a|area|x|table|td|th|div|p|span|q|blockquote|ul|li|if)\b[^>]*?\b(?:${FETCHES})\s*=\s*["'\x60]?\s*(?:[\w\s]*script\b|data:\s?[^i]|&#|\\|%\(|x:|#default|mhtml|\d+;\s*url|new\s|<)`,
    },
    weight: 4,
    inIsland: 3,
    inText: 2,
  },
  {
    id: 'xss-element-from-elsewhere',
    class: 'xss',
    title: 'an element that brings a page or a program of somebody else',
    view: 'js',
    match: {
      regex: String.raw`<[\s/]*(?:\w+:)?iframe\b[^>]*?(?:[\s/"']src\s*=\s*["']?\s*${UNKNOWN_PLAYER}[^\s]|[\s/"']srcdoc\s*=)|<[\s/]*(?:\w+:)?(?:frame|object|embed|applet|base|link|import|script|portal|form|isindex|bgsound|i?layer|meta|svg|math|use|event-source)\b[^>]*?\b(?:src|srcdoc|data|code|codebase|href|action|formaction|content|classid|xlink:href)\s*=\s*["'\x60]?\s*(?:[^"'\x60>]*url\s*=|\w+:|//|\\|<|&|[\w./-]+\.(?:js|swf|htc|sct|xml|xsl|css))`,
    },
    weight: 4,
    inIsland: 3,
    inText: 1,
    channels: FIELDS,
  },
  {
    id: 'xss-style',
    class: 'xss',
    title: 'a style that runs something',
    view: 'js',
    match: {
      regex: String.raw`\bexpression\s?\(\s?[\w("']|-moz-\s?binding\s?:|\bbinding\s?:\s?url|\bbehaviou?r\s?:\s?url|@import\s?['"u\\(]|@font-face\s?\{|\bstyle\s?=\s?["'\x60]?[^"'\x60>]*(?:expression|javascript|behaviou?r|-moz-binding|url\s?\(\s?['"]?(?:data|java|x|http)|\\[0-9a-z])|-o-link(?:-source)?|[{;"']\s*animation-name\s?:`,
    },
    weight: 5,
    inIsland: 4,
    inText: 2,
  },
  {
    id: 'xss-style-escaped',
    class: 'xss',
    title: 'a style in escapes of style sheets',
    view: 'raw',
    match: { regex: String.raw`\bstyle\s?=\s?["'\x60]?[^"'\x60>]*\\[0-9a-z]` },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'xss-hidden-bracket',
    class: 'xss',
    title: 'one bracket, and that in an escape: somebody tries what comes through',
    view: 'raw',
    match: {
      regex: String.raw`^\s*(?:&#x0*3c;?|&#0*60;?|\\u003c|\\x3c|\\0*74|%25?3c|\+adw-)\s*$|&#x?00000*(?:60|3c)(?:[^0-9a-f]|$)`,
    },
    weight: 5,
    inIsland: 4,
  },
];
