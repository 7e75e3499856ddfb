/**
 * Nominal types over plain strings and numbers, so that a session id can't be handed in where a tenant id is meant.
 * This file and the parsers are the only places where a value is cast.
 */
declare const brand: unique symbol;

export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

export type RealmId = Brand<string, 'RealmId'>;
export type TenantId = Brand<string, 'TenantId'>;
export type PersonId = Brand<string, 'PersonId'>;
export type SessionId = Brand<string, 'SessionId'>;
export type ApiKeyId = Brand<string, 'ApiKeyId'>;
export type RequestId = Brand<string, 'RequestId'>;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = Brand<number, 'EpochMs'>;

const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

function idOf<Id extends string>(name: string): (text: string) => Id {
  return (text) => {
    if (!ID.test(text) || text.endsWith('\n')) throw new TypeError(`not a ${name}`);
    return text as Id;
  };
}

/** Each takes text of 1 to 64 characters of `[A-Za-z0-9_-]`. @throws TypeError for anything else */
export const realmId = idOf<RealmId>('realm id');
export const tenantId = idOf<TenantId>('tenant id');
export const personId = idOf<PersonId>('person id');
export const sessionId = idOf<SessionId>('session id');
export const apiKeyId = idOf<ApiKeyId>('API key id');
export const requestId = idOf<RequestId>('request id');

/** @throws TypeError for anything but a safe integer */
export function epochMs(value: number): EpochMs {
  if (!Number.isSafeInteger(value)) throw new TypeError('not a time in milliseconds');
  return value as EpochMs;
}
