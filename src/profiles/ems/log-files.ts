import { join } from 'node:path';
import { type Clock, rfc3339 } from '../../kernel/clock.ts';
import { nameOf, type Principal } from '../../kernel/principal.ts';
import type { Json } from '../../kernel/tx.ts';
import type { Observer } from '../profile.ts';
import { type LogFile, openLogFile } from './log-file.ts';

type Members = Readonly<Record<string, Json>>;
type Level = 'INFO' | 'WARNING' | 'ERROR';

/** What somebody did with data, in the members of the EMS agent's audit log (E29). */
export interface DataAccess {
  readonly user: string;
  readonly table: string;
  readonly action: string;
  readonly recordCount: number;
  readonly filters: Members;
  readonly sourceIp: string;
}

/** The two logs of the EMS agent, line for line as its collectors expect them (E24 to E30). */
export interface EmsLogs {
  readonly observer: Observer;
  dataAccess(event: DataAccess): void;
  close(): Promise<void>;
}

export interface EmsLogDeps {
  readonly directory: string;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** @throws the system's error where the directory cannot be written to */
export function openEmsLogs({ directory, clock, onError }: EmsLogDeps): EmsLogs {
  const security = openLogFile(join(directory, 'security.log'), onError);
  const audit = openLogFile(join(directory, 'audit.log'), onError);
  const stamped = (members: Members): Members => ({ timestamp: rfc3339(clock.now()), ...members });
  const write = (file: LogFile, level: Level | 'AUDIT', members: Members): void =>
    file.line(`${timeOf(clock)} - ${level} - ${asciiJson(members)}`);

  const observer: Observer = {
    access: ({ context, caller, status }) =>
      write(
        security,
        status >= 400 ? 'WARNING' : 'INFO',
        stamped({
          event_type: 'api_access',
          endpoint: context.url.split('?', 1)[0] ?? '',
          method: context.method,
          user: userOf(caller),
          ip_address: context.address,
          status_code: status,
        }),
      ),
    authentication: ({ context, action, user, success, facts }) =>
      write(
        security,
        success ? 'INFO' : 'WARNING',
        stamped({
          event_type: 'authentication',
          action,
          user: user ?? 'unknown',
          ip_address: context.address,
          success,
          additional_data: facts ?? {},
        }),
      ),
    violation: (type, details) =>
      write(security, 'ERROR', stamped({ event_type: 'security_violation', violation_type: type, details })),
    configurationChange: ({ user, component, oldValue, newValue }) =>
      write(
        audit,
        'AUDIT',
        stamped({ event_type: 'configuration_change', user, component, old_value: oldValue, new_value: newValue }),
      ),
  };
  return {
    observer,
    dataAccess: ({ user, table, action, recordCount, filters, sourceIp }) =>
      write(audit, 'AUDIT', stamped({ user, table, action, record_count: recordCount, filters, source_ip: sourceIp })),
    close: async () => {
      await Promise.all([security.close(), audit.close()]);
    },
  };
}

/** People by the name that they signed in with, as the old log had it; machines by the id of their key. */
export function userOf(caller: Principal): string {
  return caller.kind === 'person' ? caller.username : nameOf(caller);
}

/**
 * JSON in ASCII, as the old system wrote it: readers that take U+2028 or U+0085 for the end of a line would else be shown
 * a line of whoever chose a user name.
 */
const asciiJson = (members: Members): string =>
  JSON.stringify(members).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** `2026-11-21 03:15:00,123`, as Python's logging writes it, in UTC. */
const timeOf = (clock: Clock): string => rfc3339(clock.now()).replace('T', ' ').replace('.', ',').slice(0, 23);
