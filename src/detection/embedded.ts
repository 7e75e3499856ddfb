import { METHODS } from 'node:http';
import { z } from 'zod';
import { createDetection, type DetectedRoute, type Detection } from './detection.ts';
import { type Explanation, explain, routeAsked } from './explain.ts';
import type { Head } from './inspection.ts';
import { type Exception, type InspectionConfig, inspectionConfig, type PresetName } from './inspection-config.ts';
import type { Mode } from './verdict.ts';

export interface EmbeddedDetectionOptions {
  /** What is done about attacks where a route says nothing else; `block` unless told. With `off` nothing is looked at. */
  readonly mode?: Mode | undefined;
  /** Weights that add up to this much are an attack: 3 to 50, 5 unless told. */
  readonly threshold?: number | undefined;
  /** Whether the linear model is asked about what the rules leave undecided. */
  readonly model?: boolean | undefined;
  /** A JSON file of rules that are added, changed or turned off. */
  readonly rulesFile?: string | undefined;
  readonly exceptions?: readonly Exception[] | undefined;
  readonly presets?: readonly PresetName[] | undefined;
}

/** A route of the program that differs from the others. */
export interface EmbeddedRoute {
  /** The method and the path, as exceptions name it: `POST /notes`, `GET /files/*`. */
  readonly route: string;
  readonly mode?: Mode | undefined;
  /** Fields in which people talk: `body.note`, `body.items.*`. */
  readonly textFields?: readonly string[] | undefined;
  /** Fields that are interpreted nowhere, as passwords, and may look like anything. */
  readonly unseenFields?: readonly string[] | undefined;
}

/** The head of a request; an `IncomingMessage` and the requests of Express are such. */
export type GivenHead = Pick<Head, 'headers'> & {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
};

export interface Inspected extends Explanation {
  /** What to answer instead of serving it; undefined where it may go on, be it an attack in `shadow`. */
  readonly refusal: 403 | 413 | 415 | undefined;
}

export interface Inspector {
  /**
   * Looks at a head and, where one was read, the body as it came. Takes turns with whatever else the program does.
   *
   * @param isWhole false where more of the body follows, unseen: that is an oddity
   */
  inspect(head: GivenHead, body?: Uint8Array, isWhole?: boolean): Promise<Inspected>;
}

/** Looks for attacks in what a program of one's own is sent. It keeps nothing, and blocks nobody. */
export interface EmbeddedDetection extends Inspector {
  /** Who looks at one route: make it once, not with each request. @throws TypeError for what is no route */
  on(route: EmbeddedRoute): Inspector;
  /** Every rule in force, and how often each has found something. */
  rules(): ReturnType<Detection['rules']>;
  /** Takes up other options, and the file of rules as it is now. @throws as opening; then nothing has changed */
  reload(options: EmbeddedDetectionOptions): void;
  /** Lets go of the compiled rules. */
  close(): void;
}

/**
 * Attacks in requests for a program of one's own, without the server.
 *
 * @throws DETECTION_RULES naming what is wrong in the file of rules, TypeError for other options that are no good
 */
export function openEmbeddedDetection(options: EmbeddedDetectionOptions = {}): EmbeddedDetection {
  let config = configOf(options);
  const detection = createDetection(config);

  function inspectorOf(routeOf: (method: string) => DetectedRoute): Inspector {
    return {
      inspect: async ({ method = 'GET', url = '/', headers }, body, isWhole = true) => {
        const [head, route] = [{ method, url, headers }, routeOf(method)];
        const ofHead = detection.screen(route, head);
        const isSent = body !== undefined && body.length > 0;
        const ofBody = isSent ? await detection.inspectInTurns(route, head, body, isWhole) : undefined;
        const verdicts = [ofHead, ofBody].filter((one) => one !== undefined);
        const rules = verdicts.length === 0 ? [] : detection.rules();
        const mode = detection.modeOf(route);
        const said = explain({ verdicts, mode }, config.threshold, rules, routeAsked(route, url));
        return { ...said, refusal: refusalOf(said) };
      },
    };
  }

  return {
    ...inspectorOf((method) => USUAL.get(method) ?? OTHER),
    on: (wish) => {
      const route = routeOf(wish);
      return inspectorOf(() => route);
    },
    rules: detection.rules,
    reload: (next) => {
      const wanted = configOf(next);
      detection.prepare(wanted).take();
      config = wanted;
    },
    close: detection.stop,
  };
}

/** @throws TypeError */
function configOf(options: EmbeddedDetectionOptions): InspectionConfig {
  return parsed(inspectionConfig, { ...options, oldPatterns: [] }); // there are no profiles here
}

const field = z.string().min(1).max(256);
const routeWish = z.strictObject({
  route: z.string().regex(/^[A-Z]{3,20} \/\S{0,1023}$/, 'must be like POST /notes'),
  mode: z.enum(['off', 'shadow', 'block']).optional(),
  textFields: z.array(field).max(1_000).optional(),
  unseenFields: z.array(field).max(1_000).optional(),
});

/** @throws TypeError */
function routeOf(wish: EmbeddedRoute): DetectedRoute {
  const { route, mode, textFields: text = [], unseenFields: unseen = [] } = parsed(routeWish, wish);
  const [method = '', path = ''] = route.split(' ');
  return { method, path, relay: EMBEDDER, detection: { ...(mode === undefined ? {} : { mode }), text, unseen } };
}

/** Whose bodies they are. */
const EMBEDDER = 'the program';
/** Of a program that says nothing of its routes: open at the end, so that exceptions go by the path that is asked for. */
const openRoute = (method: string): DetectedRoute => ({ method, path: '/*', relay: EMBEDDER });
const USUAL: ReadonlyMap<string, DetectedRoute> = new Map(METHODS.map((method) => [method, openRoute(method)]));
const OTHER = openRoute('OTHER');

function parsed<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const read = schema.safeParse(given);
  if (!read.success) throw new TypeError(z.prettifyError(read.error));
  return read.data;
}

function refusalOf({ would }: Pick<Explanation, 'would'>): Inspected['refusal'] {
  switch (would) {
    case 'be refused':
      return 403;
    case 'be refused unread: 413':
      return 413;
    case 'be refused unread: 415':
      return 415;
    case 'be told of and let through':
    case 'pass':
      return undefined;
  }
}
