import type { Rule } from '../judge/types.ts';

/** Values: in a path or a header such texts are what clients send. */
const VALUES = ['value', 'text'] as const;

/** Addresses that lead elsewhere than they seem to: CWE-601, CAPEC-178. */
export const redirectRules: readonly Rule[] = [
  {
    id: 'redirect-without-scheme',
    class: 'redirect',
    title: 'an address that begins with its host, so that it looks like a path',
    view: 'decoded',
    match: {
      regex: String.raw`^\s{0,4}/{2,}(?:[^\s/]*@)?(?:[\w-]+\.)+[a-z]{2,}(?:[:/?#\\\s]|$)|^\s{0,4}/{2,}[^\s/]*[\x{3002}\x{ff61}]|^\s{0,4}\\\\(?:[\w-]+\.)+[a-z]{2,6}/?\s{0,2}$|^/?[\x{3031}\x{309d}\x{30fc}\x{ff70}](?:[\w-]+\.)+[a-z]{2,}`,
    },
    weight: 5,
    inIsland: 2,
    channels: VALUES,
  },
  {
    id: 'redirect-odd-slashes',
    class: 'redirect',
    title: 'slashes in front of a host that browsers read as two plain ones',
    view: 'raw',
    match: {
      regex: String.raw`^\s{0,4}(?:/\\[/\\]*|\\/+\\?/?|/{2,}\\+|/?<>//|/{1,4}(?:\s|%0[9ad])+/|///\\;@)[^\s/\\]*\.|^\s{0,4}/{1,4}(?:\\|%5c)+[^\s/\\]*\.|\bhttps?:(?:[/\\]{3,}|\\+|/\\+|[/\\]{0,4}(?:[\t\n\r\\]|%0[9ad]|%5c))[^\s/\\]*\.`,
    },
    weight: 5,
    inIsland: 3,
    channels: VALUES,
  },
  {
    id: 'redirect-scheme-without-slashes',
    class: 'redirect',
    title: 'a scheme with no slashes or only one behind it, or with slashes in front',
    view: 'decoded',
    match: {
      regex: String.raw`^\s{0,4}/{0,4}https?:/?(?:[^\s/\\]*@)?(?:[\w-]+[.])+\w+(?:[:/?#]\S*)?\s{0,2}$|^\s{0,4}/{0,4}https?:[^\s/]*@\S+$|^\s{0,4}/+https?:/{1,}[^/]|^\s{0,4}https?:\d+$|^https?:(?:0x|\d)[\w.]*$`,
    },
    weight: 5,
    inIsland: 1,
    channels: VALUES,
  },
  {
    id: 'redirect-host-as-user',
    class: 'redirect',
    title: 'the name of one host in front of the sign behind which the true one stands',
    view: 'decoded',
    match: {
      regex: String.raw`(?:https?|ftp):/{0,4}[^/\s@]*(?:www\.[^/\s@]*|[\w-]+\.(?:com|org|net|io|tld|gov|edu|dev|app|de|uk|fr|eu|it|es|nl|jp|cn|ru|br|in|us|ca|au|co)(?::\d*)?|[\\?#&;<>]+)@[^\s/]|^/{1,}[^\s/@]*(?:www\.|\.(?:com|org|net|tld))[^\s/@]*@[^\s/]|https?:/{0,4}:?@[^\s/]|@[\w.-]+\\+@`,
    },
    weight: 5,
    inIsland: 3,
    channels: VALUES,
  },
  {
    id: 'redirect-two-hosts',
    class: 'redirect',
    title: 'two hosts with a sign between them that programs read differently',
    view: 'decoded',
    match: {
      regex: String.raw`^\s{0,2}(?:https?:)?/{2,}(?:[\w-]+\.)+[a-z]{2,}(?:[&;,|^\x60{}<>"'\\]|%00|\s)+@?(?:[\w-]+\.)+[a-z]{2,}`,
    },
    weight: 5,
    inIsland: 3,
    channels: VALUES,
  },
  {
    id: 'redirect-hidden-scheme',
    class: 'redirect',
    title: 'a scheme or host each letter of which is in an escape of its own',
    view: 'raw',
    match: {
      regex: `^/{0,4}%68%74%74%70|https?(?::|%3a)(?:/|%2f){2,}(?:%[0-9a-f]{2}){4}|^(?:%2f|%5c|/){2,}(?:%[4-7][0-9a-f]){4}`,
    },
    weight: 5,
    channels: VALUES,
  },
  {
    id: 'redirect-in-parameter',
    class: 'redirect',
    title: 'an address inside of an address whose parameter leads to a host without a scheme',
    view: 'decoded',
    match: {
      regex: String.raw`[?&](?:url|uri|next|redirect\w*|redir|rurl|return\w*|goto|dest\w*|continue|target|out|view|to|checkout_url|image_url|go|forward|callback\w*)=(?:[/\\]{2,}|/\\|\\/)\\?/?[\w-]+\.`,
    },
    weight: 5,
    inIsland: 3,
    channels: VALUES,
  },
  {
    id: 'redirect-many-parameters',
    class: 'redirect',
    title: 'one address in three parameters that lead elsewhere',
    view: 'decoded',
    match: {
      regex: String.raw`(?:[?&](?:url|uri|next|redirect\w*|redir|rurl|return\w*|goto|dest\w*|continue|target)=https?:[^&\s]*){3}`,
    },
    weight: 5,
    inIsland: 3,
    channels: VALUES,
  },
  {
    id: 'redirect-up-to-nothing',
    class: 'redirect',
    title: 'a host behind several slashes with a way up at its end, as servers answer with a redirect to',
    view: 'decoded',
    match: {
      regex: String.raw`^/{2,}[^/\s]+\.[^/\s]+/(?:\.\.|%2e%2e|%2f\.\.)|^/[\w.-]*//(?:[\w-]+\.)+[a-z]{2,}/(?:\.\.|%2f)`,
    },
    weight: 5,
    channels: ['value', 'text', 'path'],
  },
];
