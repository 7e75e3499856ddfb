import { type Clock, days, hours, minutes } from '../kernel/clock.ts';
import { defenceChecks } from './defence-checks.ts';
import { bad, type Check, type Finding, good, partly } from './finding.ts';
import type { BackupFacts, LogFacts, PostureSources, SettingFacts } from './sources.ts';

export interface CheckDeps {
  readonly sources: PostureSources;
  readonly clock: Clock;
}

/** NIST SP 800-63B-4 §3.1.1.2 asks for 15 characters where the password is alone; 12 stand here beside a factor. */
const LEAST_PASSWORD = 12;
const LONGEST_ACCESS_MS = hours(1);
const LONGEST_SESSION_MS = days(30);
const BACKUP_MS = days(2);
const DRILL_MS = days(35);

/** Everything that is looked at, the heaviest first. */
export function createChecks({ sources, clock }: CheckDeps): readonly Check[] {
  const { keys, people, feedIsFresh, log, backups } = sources;
  return [
    ...settingChecks(sources.settings),
    ...defenceChecks(sources),
    {
      id: 'encryption.algorithm',
      title: 'Data is sealed by authenticated encryption',
      weight: 10,
      needed: true,
      look: async () => {
        const { algorithms, readBy } = await keys();
        const others = algorithms.filter((name) => name !== 'AES-256-GCM');
        if (others.length > 0) return bad(`Sealed by ${others.join(', ')}.`, 'Seal by AES-256-GCM.');
        const advice = 'Rewrap what older systems have sealed, and destroy their keys: twinkeep keys rewrap.';
        return readBy.length === 0
          ? good('AES-256-GCM.')
          : partly(0.75, `AES-256-GCM; keys of older systems are kept: ${readBy.join(', ')}.`, advice);
      },
    },
    {
      id: 'encryption.rotation',
      title: 'Data keys follow each other in time',
      weight: 8,
      look: async () => {
        const { tenants, overdue } = await keys();
        if (overdue === 0) return good(`No key of ${tenants} tenants is overdue.`);
        return partly(
          1 - overdue / tenants,
          `Keys of ${overdue} of ${tenants} tenants are overdue.`,
          'twinkeep keys rotate',
        );
      },
    },
    {
      id: 'mfa.administrators',
      title: 'Administrators have a second factor',
      weight: 14,
      look: async () => {
        const { administrators, withSecondFactor, secondFactorRequired } = await people();
        if (administrators === 0) return undefined;
        const seen = `${withSecondFactor} of ${administrators} administrators have one.`;
        if (withSecondFactor === administrators) return good(seen);
        const asked = secondFactorRequired ? 0.5 : 0; // the others set one up at their next sign-in
        const advice = 'Have a second factor required of administrators: mfa.policy.requiredFor.';
        return partly(Math.max(asked, withSecondFactor / administrators / 2), seen, advice);
      },
    },
    {
      id: 'mfa.required',
      title: 'A second factor is required of administrators',
      weight: 8,
      look: async () =>
        (await people()).secondFactorRequired
          ? good('Policy requires it.')
          : bad('Policy does not require it.', 'Name their role in mfa.policy.requiredFor.'),
    },
    {
      id: 'sessions.revocation',
      title: 'Revocations are known up to now',
      weight: 10,
      needed: true,
      look: () =>
        feedIsFresh()
          ? good('The feed is whole.')
          : bad('This server has lost touch with revocations.', 'Look at the database, and at Redis where it is used.'),
    },
    {
      id: 'audit.signed',
      title: 'The audit log is chained and signed',
      weight: 10,
      needed: true,
      look: async () => logOf(await log(), clock),
    },
    { id: 'backups.made', title: 'Backups are made', weight: 8, look: async () => madeOf(await backups(), clock) },
    {
      id: 'backups.drilled',
      title: 'Backups are restored for trial',
      weight: 5,
      look: async () => drilledOf(await backups(), clock),
    },
  ];
}

function settingChecks(settings: () => SettingFacts): readonly Check[] {
  const check = (id: string, title: string, weight: number, look: (facts: SettingFacts) => Finding): Check => ({
    ...{ id, title, weight, look: () => look(settings()) },
  });
  return [
    check('transport.tls', 'Clients come by TLS', 12, tlsOf),
    check('keys.master', 'The master key is kept apart from the data', 8, ({ masterKeyFrom }) =>
      masterKeyFrom === 'file'
        ? partly(0.5, 'It lies in a file beside the data.', 'Hand it in, or name a provider: vault.provider.')
        : good(`It comes from: ${masterKeyFrom}.`),
    ),
    check('limits.on', 'Requests and attempts are limited', 8, ({ limits }) =>
      limits ? good('Limits are on.') : bad('Limits are off.', 'Take TWINKEEP_LIMITS=off away.'),
    ),
    check('secrets.strong', 'Shared secrets are long enough', 8, ({ shortSecrets }) =>
      shortSecrets.length === 0
        ? good('All have 32 bytes or more.')
        : bad(`Short: ${shortSecrets.join(', ')}.`, 'Make one of 32 random bytes: openssl rand -base64 32.'),
    ),
    check('cors.named', 'Pages of named origins alone may call', 4, ({ openCors }) =>
      openCors ? bad('Every origin may call.', 'Name the origins in the place of *.') : good('Origins are named.'),
    ),
    check('sessions.bounded', 'Sessions and tokens end', 6, sessionsOf),
    check('passwords.long', 'Passwords are long', 4, ({ leastPassword: least }) =>
      least >= LEAST_PASSWORD
        ? good(`${least} characters at least, and none of the common ones.`)
        : bad(`${least} characters are enough.`, `Ask for ${LEAST_PASSWORD}: accounts.passwords.`),
    ),
    check('production.on', 'It runs as in production', 5, ({ production }) =>
      production
        ? good('What is for trying out is refused.')
        : bad('It is set up for trying out.', 'NODE_ENV=production'),
    ),
  ];
}

function tlsOf({ tls, seenTls }: SettingFacts): Finding {
  if (!tls)
    return bad('The public address does not begin with https://.', 'Put TLS before it, and set accounts.publicUrl.');
  const said = 'The public address begins with https://';
  if (seenTls !== false)
    return good(`${said}${seenTls ? ', the latest who asked came by TLS' : ''}, and HSTS is sent.`);
  return partly(
    0.5,
    `${said}, but the latest who asked was not seen to come by TLS.`,
    'Name the proxy that speaks TLS in trustedProxies, and let nobody pass it by.',
  );
}

function sessionsOf({ sessions: { accessMs, absoluteMs, maxPerPerson } }: SettingFacts): Finding {
  const seen = `Access tokens end after ${Math.round(accessMs / minutes(1))} minutes, sessions after ${Math.round(absoluteMs / hours(1))} hours.`;
  if (accessMs > LONGEST_ACCESS_MS || absoluteMs > LONGEST_SESSION_MS)
    return partly(0.5, seen, 'Shorten sessions.accessMs or sessions.absoluteMs.');
  return maxPerPerson === 0
    ? partly(0.75, `${seen} A person may have any number of them.`, 'Bound them: sessions.maxPerPerson.')
    : good(`${seen} A person may have ${maxPerPerson}.`);
}

function logOf({ looked, isBehind }: LogFacts, clock: Clock): Finding {
  const advice = 'Check the log: twinkeep audit verify.';
  if (isBehind) return bad('What was recorded more than a minute ago is under no signed head.', advice);
  if (looked === undefined) return partly(0.5, 'It is being looked at for the first time.', 'Ask again in a while.');
  const ago = Math.floor((clock.now() - looked.at) / minutes(1));
  if (looked.flaw !== undefined) return bad(`Looked at ${ago} minutes ago: ${looked.flaw}.`, advice);
  return good(`Its first ${looked.entries} entries were those that were signed, looked at ${ago} minutes ago.`);
}

function madeOf(facts: BackupFacts | undefined, clock: Clock): Finding | undefined {
  if (facts === undefined) return undefined;
  const { newestAt, warnings } = facts;
  if (newestAt === undefined) return bad('There is no backup.', 'Make one: twinkeep backup.');
  const age = `The newest is ${daysSince(newestAt, clock)} days old.`;
  if (clock.now() - newestAt > BACKUP_MS) return bad(age, 'Find out why none was made since: twinkeep backup list.');
  return warnings === 0 ? good(age) : partly(0.5, `${age} ${warnings} warnings.`, 'Read them: twinkeep backup list.');
}

function drilledOf(facts: BackupFacts | undefined, clock: Clock): Finding | undefined {
  if (facts === undefined) return undefined;
  const { drilledAt } = facts;
  if (drilledAt === undefined) return bad('No backup was ever restored for trial.', 'Try one: twinkeep backup drill.');
  const seen = `Last ${daysSince(drilledAt, clock)} days ago, and it was good.`;
  return clock.now() - drilledAt > DRILL_MS ? partly(0.5, seen, 'Try one again: twinkeep backup drill.') : good(seen);
}

const daysSince = (at: number, clock: Clock): number => Math.floor((clock.now() - at) / days(1));
