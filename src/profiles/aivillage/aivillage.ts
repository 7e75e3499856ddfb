import type { Extras } from '../extras.ts';
import { factorRoutes } from './factors.ts';
import { sessionRoutes } from './sessions.ts';
import { signInRoute } from './sign-in.ts';
import { statusRoute } from './status.ts';
import { verifyRoute } from './verify.ts';

/** What AIVillage has in its own way: second factors, sessions and the status of its security (V13 to V16). */
export const openAivillage = (): Extras => ({
  routes: (ground) => [
    signInRoute(ground),
    verifyRoute(ground),
    ...factorRoutes(ground),
    ...sessionRoutes(ground),
    statusRoute(ground),
  ],
});
