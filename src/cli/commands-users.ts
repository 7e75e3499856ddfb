import { type Command, type Option, tenantOption as tenant } from './command.ts';

const role: Option = { value: 'R', several: true, summary: 'A role in the tenant; commas work too.' };
const passwordStdin: Option = { summary: 'Read the password from standard input; else one is made and printed once.' };

/** Commands about who belongs to a tenant. */
export const MEMBER_COMMANDS: readonly Command[] = [
  {
    name: 'tenants remove-member',
    operands: ['<username>'],
    summary: 'Remove a person from a tenant; the account and other tenants stay as they are.',
    options: { tenant },
    example: 'twinkeep tenants remove-member vera --tenant plant-2',
    load: async () => (await import('./tenants.ts')).removeMember,
  },
  {
    name: 'tenants add-member',
    operands: ['<person-id>'],
    summary: 'Add a person who has an account to a tenant.',
    options: { role, tenant },
    example: 'twinkeep tenants add-member 01997c20-11aa-7c3d-8e4f-5a6b7c8d9e0f --role viewer --tenant plant-2',
    load: async () => (await import('./tenants.ts')).addMember,
  },
];

/** Commands about people. */
export const USER_COMMANDS: readonly Command[] = [
  {
    name: 'users add',
    operands: ['<username>'],
    summary: 'Make a person.',
    options: {
      role,
      email: { value: 'ADDRESS', summary: 'Their e-mail address.' },
      'password-stdin': passwordStdin,
      tenant,
    },
    example: 'twinkeep users add vera --role viewer',
    load: async () => (await import('./users.ts')).addUser,
  },
  {
    name: 'users list',
    operands: [],
    summary: 'List the people of a tenant.',
    options: { 'without-tenant': { summary: 'Those who belong to no tenant any more, instead.' }, tenant },
    example: 'twinkeep users list --json',
    load: async () => (await import('./users.ts')).listUsers,
  },
  {
    name: 'users disable',
    operands: ['<username>'],
    summary: 'Keep a person out and end their sessions.',
    options: { tenant },
    example: 'twinkeep users disable vera',
    load: async () => (await import('./users.ts')).disableUser,
  },
  {
    name: 'users enable',
    operands: ['<username>'],
    summary: 'Let a disabled person in again.',
    options: { tenant },
    example: 'twinkeep users enable vera',
    load: async () => (await import('./users.ts')).enableUser,
  },
  {
    name: 'users password',
    operands: ['<username>'],
    summary: 'Set a new password and end the sessions of a person.',
    options: { 'password-stdin': passwordStdin, tenant },
    example: 'twinkeep users password admin',
    load: async () => (await import('./users.ts')).setPassword,
  },
  {
    name: 'users invite',
    operands: ['<email>'],
    summary: 'Invite somebody by e-mail; the link is shown too.',
    options: { role, tenant },
    example: 'twinkeep users invite vera@twin.example --role viewer',
    load: async () => (await import('./users.ts')).inviteUser,
  },
  {
    name: 'users delete',
    operands: ['<username>'],
    summary: 'Delete a person for good; disabling can be undone.',
    options: { yes: { summary: 'There is no undo: do it.' }, tenant },
    example: 'twinkeep users delete vera --yes',
    load: async () => (await import('./users.ts')).deleteUser,
  },
  {
    name: 'users compromised',
    operands: ['<username>'],
    summary: 'End sessions, API keys, second factors and password of a person whose account others got into.',
    options: {
      reason: {
        value: 'TEXT',
        summary: 'For the alert and the audit log, where it stays for good: name nobody in it.',
      },
      'keep-factors': { summary: 'Leave second factors that are surely their own; passkeys go all the same.' },
      tenant,
    },
    example: 'twinkeep users compromised vera --reason "phished"',
    load: async () => (await import('./users.ts')).secureUser,
  },
  {
    name: 'users reset-password',
    operands: ['<username>'],
    summary: 'Make a link by which a person sets a new password, once.',
    options: { tenant },
    example: 'twinkeep users reset-password vera',
    load: async () => (await import('./users.ts')).resetPassword,
  },
  {
    name: 'users reset-mfa',
    operands: ['<username>'],
    summary: 'Take all second factors of a person away, and end their sessions.',
    options: { tenant },
    example: 'twinkeep users reset-mfa vera',
    load: async () => (await import('./users.ts')).resetFactors,
  },
  {
    name: 'users recovery-code',
    operands: ['<username>'],
    summary: 'Make a code that stands in for the second factor, once.',
    options: { tenant },
    example: 'twinkeep users recovery-code vera',
    load: async () => (await import('./users.ts')).issueRecoveryCode,
  },
  {
    name: 'users import',
    operands: ['<file>'],
    summary: 'Take people over with their password hashes: JSON, CSV or the users.db of a Flask twin.',
    options: {
      from: { value: 'FORM', summary: 'json, csv or flask; by the name of the file unless told.' },
      table: { value: 'TABLE', summary: 'The table of a SQLite file, where several could be meant.' },
      'ignore-column': {
        value: 'NAME',
        several: true,
        summary: 'A column that may shut people out, such as locked or deleted_at, and is not to.',
      },
      role,
      'dry-run': { summary: 'Say what would be done.' },
      undo: { summary: 'Take back what the import of this report made.' },
      tenant,
    },
    example: 'twinkeep users import users.db --role viewer',
    load: async () => (await import('./users-import.ts')).importUsers,
  },
  {
    name: 'users email',
    operands: ['<username>'],
    summary: 'Set the e-mail address of a person, or take it away.',
    options: {
      set: { value: 'ADDRESS', summary: 'The new address.' },
      remove: { summary: 'Take it away.' },
      tenant,
    },
    example: 'twinkeep users email vera --set vera@twin.example',
    load: async () => (await import('./users.ts')).setEmail,
  },
  {
    name: 'users roles',
    operands: ['<username>'],
    summary: 'Replace the roles of a person.',
    options: { role: { ...role, required: true }, tenant },
    example: 'twinkeep users roles vera --role analyst --role meter_reader',
    load: async () => (await import('./users.ts')).setRoles,
  },
];
