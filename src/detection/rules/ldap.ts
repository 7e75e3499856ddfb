import type { Rule } from '../judge/types.ts';

const ATTRIBUTES =
  'department|employeeid|lockouttime|admincount|pwdlastset|uid|cn|sn|ou|dc|o|c|mail|user|username|name|userpassword|objectclass|objectcategory|samaccountname|userprincipalname|memberof|member|givenname|password|pass|description|title|telephonenumber|unicodepwd';

/** Injection into filters of LDAP: CWE-90, CAPEC-136. */
export const ldapRules: readonly Rule[] = [
  {
    id: 'ldap-filter',
    class: 'ldap',
    title: 'the end of one filter of LDAP and the beginning of another',
    view: 'decoded',
    match: {
      regex: String.raw`^[^()]*\)+\s*[|&]?\s?\(+(?:\s?[|&!](?:\(|\)|$|\s|\w+[~<>]?=)|\s?(?:${ATTRIBUTES})\s?(?:[~<>]|:[\w.]*:?)?=|$)|^[^()]*[\w*]\)\(\w+[~<>]?=|\*\)+\s?\(\s?[|&!(]|\*\(\)\||^[^()]*\*\)+\s?[%&|]|^[^()]*\*\s?\(\s?[|&!]`,
    },
    weight: 5,
    inIsland: 5,
    inText: 1,
  },
  {
    id: 'ldap-escaped',
    class: 'ldap',
    title: 'the signs of a filter of LDAP in its own escapes, or a rule by its number',
    view: 'raw',
    match: {
      regex: String.raw`\\2[89a](?:[^\w\s]|\\2[89a])*\(?\w{1,24}[~<>]?=|^[^()]*\)\s?\(\s?\w{0,24}:(?:dn:)?[\d.]*:?=|^[^()]*\)\s?\(\s?[\w:]{0,24}1\.2\.840\.113556\.1\.4\.\d{3,4}:=`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'ldap-anything',
    class: 'ldap',
    title: 'a filter of LDAP that anything satisfies, or nothing but the end of one',
    view: 'decoded',
    match: {
      regex: String.raw`^\*\)\)+$|^[*|()&=%!]*(?:\)\(|\([|&]|[|&]\()[*|()&=%!]*$|\(\s?[|&]\s?\(\s?\w+\s?=\*\)\s?\(|^\*(?:\)\(|\(\|)|^\(\s?(?:${ATTRIBUTES})=\*\)$`,
    },
    weight: 5,
    inIsland: 3,
  },
  {
    id: 'ldap-whole-filter',
    class: 'ldap',
    title: 'a whole filter of LDAP where a value is due',
    view: 'decoded',
    match: { regex: String.raw`\(\s?[|&]\s?\(\s?(?:!\s?\()?\s?(?:${ATTRIBUTES})\s?(?:[~<>]|:[\w.]*:)?=` },
    weight: 4,
    inIsland: 2,
  },
];
