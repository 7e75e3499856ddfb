/** How a text travels; as the judge knows it. */
export type Channel = 'value' | 'text' | 'path' | 'name' | 'header' | 'user-agent' | 'body' | 'binary';

export interface WholeRequest {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly uri: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Verdict {
  readonly attack: boolean;
  /** 0 where nothing was found. */
  readonly score: number;
  /** The strongest rule. */
  readonly rule?: string | undefined;
  /** The place in a request. */
  readonly at?: string | undefined;
  /** Every rule that had a part in it, for who looks into a wrong answer. */
  readonly why?: string | undefined;
}

/** What is measured: anything that tells attacks from honest texts, without waiting. */
export interface Subject {
  readonly name: string;
  judgeValue(text: string, channel: Channel): Verdict;
  judgeRequest(request: WholeRequest): Verdict;
  /** Whether the prefilter alone proves the text clean, so that no rule is asked. */
  isProvenClean?(text: string, channel: Channel): boolean;
  /** The verdict of the rules with the prefilter left out. */
  judgeUnfiltered?(text: string, channel: Channel): Verdict;
  /** The same, trained without the lines of one fold; absent where nothing is trained. */
  without?(fold: string): Subject;
  dispose(): void;
}
