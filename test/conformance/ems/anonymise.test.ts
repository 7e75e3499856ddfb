import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymiseRecord, hashPii } from '../../../src/app/index.ts';

const SALT = 'pepper-2024';
const RECORD = {
  customer_id: 'CUST-0042',
  email: 'ada@example.com',
  phone: '+82 10-1234-5678',
  address: 'Gwangyang, 1 Steel Rd. 광양',
  meter_id: 'M-1',
  energy_consumption: 12.5,
};

test('E18 hash_pii gives the 16 characters that the old agent gave', () => {
  // python3: hashlib.sha256((value + salt).encode()).hexdigest()[:16]
  assert.equal(hashPii(RECORD.customer_id, SALT), '0196ac91bf2ba070');
  assert.equal(hashPii(RECORD.phone, SALT), '622ec33f116110b6');
  assert.notEqual(hashPii(RECORD.phone, SALT), hashPii(RECORD.phone, `${SALT}x`));
});

test('E18 anonymize_record hides the four personal fields and leaves its input alone', () => {
  const before = structuredClone(RECORD);
  assert.deepEqual(anonymiseRecord(RECORD, SALT), {
    customer_id: '0196ac91bf2ba070',
    email: '8ef1b764c0b069d4',
    phone: '622ec33f116110b6',
    address: '6fce2050456f0ab6',
    meter_id: 'M-1',
    energy_consumption: 12.5,
  });
  assert.deepEqual(RECORD, before);
});

test('E18 fields that a record has not are not made up', () => {
  const anonymous = anonymiseRecord({ meter_id: 'M-1', phone: RECORD.phone }, SALT);
  assert.deepEqual(anonymous, { meter_id: 'M-1', phone: '622ec33f116110b6' });
});
