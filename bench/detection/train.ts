/**
 * `npm run train -w bench [-- FILE]`: learns the linear model of detection anew, and writes its weights. With `--loso` it
 * writes nothing, and prints what the rules reach alone and with a model that has not seen the source.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { printLeaveOneOut } from './leave-one-out.ts';
import { samplesOf, sourceOf, train } from './training.ts';
import { sharedPath } from './vectors-folder.ts';

const WEIGHTS = resolve(import.meta.dirname, '../../src/detection/model/weights.ts');

const [file = WEIGHTS] = process.argv.slice(2);
if (file === '--loso') {
  printLeaveOneOut(sharedPath);
  process.exit(0);
}
const samples = samplesOf(sharedPath);
if (samples.length === 0) {
  console.error(`no corpora at ${sharedPath('')}; set TWINKEEP_VECTORS`);
  process.exit(1);
}
const attacks = samples.filter(({ isAttack }) => isAttack).length;
console.error(`learning from ${attacks} attacks and ${samples.length - attacks} honest texts`);
writeFileSync(file, sourceOf(train(samples)));
console.error(`written to ${file}; \`git checkout\` of it is the way back`);
