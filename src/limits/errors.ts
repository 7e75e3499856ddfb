import { defineFaults } from '../kernel/errors.ts';

export const limitFault = defineFaults({
  LIMIT_EXCEEDED: ['limited', 'Too many requests; wait before the next one.'],
});
