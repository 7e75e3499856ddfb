/** What an attack is after, as the field groups it. @see OWASP CRS 4 rule files; CAPEC-66, 63, 126, 88, 242, 221 */
export type AttackClass =
  | 'sqli'
  | 'xss'
  | 'traversal'
  | 'rce'
  | 'ssti'
  | 'xxe'
  | 'nosql'
  | 'ldap'
  | 'ssrf'
  | 'redirect'
  | 'code'
  | 'protocol'
  | 'scanner'
  | 'evasion';

/**
 * How a text travels, which decides what its rules weigh. `text`: a field that was declared to hold free text. `body`: a
 * whole body, which may be a document of markup; what stands in it is judged by itself besides. `binary`: a run of characters in what is no text, where chance writes
 * much that looks like something: only rules that name it count there. `document`: the text of an uploaded file, whose
 * scripts and queries are its content: there too only rules that name it count.
 */
export type Channel = 'value' | 'text' | 'path' | 'name' | 'header' | 'user-agent' | 'body' | 'binary' | 'document';

/** One reading of a text. @see viewsOf */
export type ViewName = 'raw' | 'decoded' | 'sql' | 'js' | 'path' | 'shell';

/** What a rule looks for. Expressions are RE2's: without look-around and back-references, linear in the input. */
export type Match =
  | { readonly regex: string; readonly caseSensitive?: boolean | undefined }
  /** Any of these, whatever their case. */
  | { readonly phrases: readonly string[] }
  /** libinjection, for `sqli-numeric` as if behind a number; `unless` are fingerprints that honest text has too. */
  | { readonly is: 'sqli' | 'sqli-numeric' | 'xss'; readonly unless?: string | undefined };

/** One sign of an attack. */
export interface Rule {
  /** Stable: exceptions, events and explanations name it. */
  readonly id: string;
  readonly class: AttackClass;
  /** What it recognises, in words: "a UNION that appends a SELECT". */
  readonly title: string;
  readonly view: ViewName;
  readonly match: Match;
  /** What it adds where the text is short. */
  readonly weight: number;
  /** What it adds in a run of odd tokens inside of running text; as much as in a short text unless told. */
  readonly inIsland?: number | undefined;
  /** What it adds in running text as a whole; nothing unless told. */
  readonly inText?: number | undefined;
  /** Where it counts; everywhere but in user agents unless told. */
  readonly channels?: readonly Channel[] | undefined;
}

/** A rule that found something. */
export interface Hit {
  readonly rule: string;
  readonly class: AttackClass;
  readonly weight: number;
  readonly view: string;
  /** What matched, decoded, at most 120 characters: may hold what a user typed, so redact before it leaves the process. */
  readonly evidence: string;
}

/** What one text adds up to. */
export interface Judgement {
  readonly score: number;
  /** The class that weighs most. */
  readonly class: AttackClass;
  /** The heaviest first. */
  readonly hits: readonly Hit[];
  /** Rules that were to be left out, and found something or were not asked whether they would. */
  readonly spared?: readonly string[] | undefined;
}

/** Rules that are left out at some place. */
export interface Spared {
  has(rule: string): boolean;
  /** None is left. */
  readonly isAll: boolean;
}
