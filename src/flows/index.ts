/** Floor 6. Stories that need several rooms, a file each. */
export { accountAdminRoutes } from './account-admin-routes.ts';
export { createAccountMails } from './account-mails.ts';
export { accountPageRoutes } from './account-pages.ts';
export { accountRoutes } from './account-routes.ts';
export { type Accounts, createAccounts } from './accounts.ts';
export { createAttempts } from './attempts.ts';
export { createEvenTime } from './even-time.ts';
export { type FirstAdministrator, firstStart } from './first-start.ts';
export { loginRoutes } from './login-routes.ts';
export { createPeople, type People } from './people.ts';
export { peopleRoutes } from './people-routes.ts';
export { createSignIn } from './sign-in.ts';
export type { SignIn, SignInOutcome } from './sign-in-types.ts';
export { createStepUp } from './step-up.ts';
export { createTenancy, tenancyRoutes } from './tenancy.ts';
