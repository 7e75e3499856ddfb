import { createDetection } from '../detection/index.ts';
import type { Config } from './config.ts';

/** @throws DETECTION_RULES naming what is wrong in the operator's file of rules */
export const assertRules = ({ detection }: Pick<Config, 'detection'>): void =>
  createDetection(detection.inspection).stop();
