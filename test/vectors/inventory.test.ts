import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { vectorFoldersTest } from './vectors.ts';

/** Which test runs a file, or why none does: a file that comes in later is not passed over in silence. */
const RUN_BY_CRYPTO = 'crypto.test.ts';
const RUN_BY_FORMS = 'legacy-forms.test.ts';
const RUN_BY_PASSWORDS = 'passwords.test.ts';
const RUN_BY_LIST = 'passwords-list.test.ts';
const NOT_OURS = 'nothing in src computes this';
const RUN_BY_JOSE = 'jose.test.ts';
const RUN_BY_OTP = 'otp.test.ts';
const RUN_BY_WEBAUTHN = 'webauthn.test.ts';
const OF_AGE = 'the payload of age files, which the package age-encryption computes, not src/crypto';

const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  fernet: {
    'generate.json': RUN_BY_FORMS,
    'invalid.json': RUN_BY_FORMS,
    'verify.json': RUN_BY_FORMS,
  },
  kdf: {
    'rfc6070-PBKDF2-SHA1.json': RUN_BY_PASSWORDS,
    'scrypt.json': RUN_BY_PASSWORDS,
  },
  hash: { 'bcrypt_published.json': RUN_BY_PASSWORDS },
  passwords: { 'common-passwords.txt': RUN_BY_LIST },
  otp: { 'rfc4226.json': RUN_BY_OTP, 'rfc6238.json': RUN_BY_OTP },
  webauthn: { 'w3c_level3.json': RUN_BY_WEBAUTHN },
  jose: { 'rfc_examples.json': RUN_BY_JOSE },
  nist: { 'gcm_decrypt_256.json': RUN_BY_CRYPTO },
  wycheproof: {
    'aes_gcm_siv_test.json': NOT_OURS,
    'aes_gcm_test.json': RUN_BY_CRYPTO,
    'chacha20_poly1305_test.json': OF_AGE,
    'ecdsa_secp256r1_sha256_p1363_test.json': NOT_OURS,
    'ecdsa_secp256r1_sha256_test.json': NOT_OURS,
    'ecdsa_secp384r1_sha384_p1363_test.json': NOT_OURS,
    'ecdsa_secp521r1_sha512_p1363_test.json': NOT_OURS,
    'ed25519_test.json': RUN_BY_CRYPTO,
    'hkdf_sha1_test.json': NOT_OURS,
    'hkdf_sha256_test.json': RUN_BY_CRYPTO,
    'hkdf_sha384_test.json': NOT_OURS,
    'hkdf_sha512_test.json': NOT_OURS,
    'hmac_sha1_test.json': NOT_OURS,
    'hmac_sha256_test.json': RUN_BY_CRYPTO,
    'hmac_sha384_test.json': NOT_OURS,
    'hmac_sha512_test.json': NOT_OURS,
    'json_web_crypto_test.json': RUN_BY_JOSE,
    'json_web_encryption_test.json': RUN_BY_JOSE,
    'json_web_key_test.json': RUN_BY_JOSE,
    'json_web_signature_test.json': RUN_BY_JOSE,
    'pbkdf2_hmacsha1_test.json': RUN_BY_PASSWORDS,
    'pbkdf2_hmacsha256_test.json': RUN_BY_PASSWORDS,
    'pbkdf2_hmacsha512_test.json': RUN_BY_PASSWORDS,
    'rsa_pss_2048_sha256_mgf1_32_test.json': NOT_OURS,
    'rsa_signature_2048_sha256_test.json': NOT_OURS,
    'rsa_signature_3072_sha256_test.json': NOT_OURS,
  },
};

vectorFoldersTest('every file of cryptographic vectors is run, or named here with the reason', async (pathOf, t) => {
  for (const [folder, files] of Object.entries(FILES)) {
    const unnamed = (await readdir(pathOf(folder))).filter((file) => !Object.hasOwn(files, file));
    assert.deepEqual(unnamed, [], folder);
  }
  const reasons = Object.values(FILES).flatMap((files) => Object.values(files));
  const run = reasons.filter((reason) => reason.endsWith('.test.ts'));
  t.diagnostic(`${run.length} files run, ${reasons.length - run.length} not`);
});
