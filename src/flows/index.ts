/** Floor 6. Stories that need several rooms, a file each. */
export { type FirstAdministrator, firstStart } from './first-start.ts';
export { createPeople, type People } from './people.ts';
export { peopleRoutes } from './people-routes.ts';
export { createSignIn, type SignIn, signInRoute } from './sign-in.ts';
export { createTenancy, tenancyRoutes } from './tenancy.ts';
