import { defineFaults } from '../kernel/errors.ts';

export const appFault = defineFaults({
  CONFIG_INVALID: ['internal', 'The configuration is not valid.'],
  APP_CONFIG_REFUSED: ['unprocessable', 'The new configuration is not valid; the old one stays in force.'],
  APP_REPLY_REFUSED: ['internal', 'A reply did not have the shape that its route promises.'],
});
