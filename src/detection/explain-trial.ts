import type { Route } from '../http/index.ts';
import { createDetection, MAX_HELD_BYTES, modeOf } from './detection.ts';
import type { Head } from './inspection.ts';
import type { InspectionConfig } from './inspection-config.ts';
import type { Rule } from './judge/index.ts';
import type { Mode, Verdict } from './verdict.ts';

/** A request as somebody has it on paper: nothing is sent, and nobody answers. */
export interface TriedRequest extends Head {
  readonly body?: Uint8Array | undefined;
}

/** What the line would make of a request. */
export interface Tried {
  /** Of the head and of the body, each on its own, as the line judges them. */
  readonly verdicts: readonly Verdict[];
  /** What the route does about attacks. */
  readonly mode: Mode;
  /** False for a body at which this route does not look. */
  readonly bodySeen: boolean;
}

/** Judges requests as the line does, and says too what a route that is off or in shadow would see. */
export interface Trial {
  judge(route: Route, request: TriedRequest): Tried;
  readonly rules: readonly Rule[];
  stop(): void;
}

/** @throws DETECTION_RULES */
export function createTrial(config: InspectionConfig, readFile?: (path: string) => string): Trial {
  const detection = createDetection({ ...config, mode: 'block' }, readFile);
  const looked = new WeakMap<Route, Route>();
  const lookedAt = (route: Route): Route => {
    const known = looked.get(route);
    if (known !== undefined) return known;
    const made: Route = { ...route, detection: { ...route.detection, mode: 'block' } };
    looked.set(route, made);
    return made;
  };

  /** Of a body that is handed on only so much is held. */
  function lookAt(row: Route, head: Head, body: Uint8Array): Verdict | undefined {
    const isWhole = row.relay === undefined || body.length <= MAX_HELD_BYTES;
    return detection.inspect(row, head, isWhole ? body : body.subarray(0, MAX_HELD_BYTES), isWhole);
  }

  return {
    rules: detection.rules(),
    judge: (route, request) => {
      const { body } = request;
      const bodySeen = body === undefined || body.length === 0 || looksAtBody(route);
      if (route.access.kind === 'unlimited') return { verdicts: [], mode: 'off', bodySeen };
      const row = lookedAt(route);
      const found = [
        detection.screen(row, request),
        body !== undefined && bodySeen ? lookAt(row, request, body) : undefined,
      ];
      return { verdicts: found.filter((one) => one !== undefined), mode: modeOf(route, config), bodySeen };
    },
    stop: detection.stop,
  };
}

const looksAtBody = ({ relay, inspect, body }: Route): boolean =>
  relay === undefined ? body !== undefined : inspect === 'head+body';
