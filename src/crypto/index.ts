/** Floor 1. Pure functions over bytes: AEAD, Fernet, MAC, KDF, password hashes, Ed25519, Merkle tree and checkpoints. */
export { NONCE_BYTES, open, seal } from './aead.ts';
export type { Argon2Cost } from './argon2id.ts';
export { openBareGcm, sealBareGcm } from './bare-gcm.ts';
export { encodeBase62 } from './base62.ts';
export { decodeBase64url, encodeBase64url } from './base64url.ts';
export { BCRYPT_COSTS, type Bcrypt, bcryptCostOf, createBcrypt } from './bcrypt.ts';
export { type Checkpoint, parseCheckpoint, signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
export { checksum6, equalBytes, hmacSha256, sha256 } from './digest.ts';
export {
  ed25519Thumbprint,
  exportEd25519Private,
  exportEd25519Public,
  generateEd25519,
  importEd25519Private,
  importEd25519Public,
  signEd25519,
  verifyEd25519,
} from './ed25519.ts';
export { cryptoFault } from './errors.ts';
export { openFernet, openFernetWithAny, parseFernetKey, sealFernet } from './fernet.ts';
export { hkdfSha256 } from './kdf.ts';
export {
  emptyFrontier,
  extendFrontier,
  type Frontier,
  frontierOf,
  frontierRoot,
  hashChildren,
  hashLeaf,
  type TreeHead,
} from './merkle.ts';
export { consistencyPath, inclusionPath, type NodeAt } from './merkle-path.ts';
export { verifyConsistency, verifyInclusion } from './merkle-verify.ts';
export { createHashQueue, createPasswordHasher, type PasswordHasher } from './password-hash.ts';
export { type HashScheme, readPasswordHash } from './password-schemes.ts';
export { coverOfBcrypt } from './password-weight.ts';
export { formatVerifierKey, parseVerifierKey, type VerifierKey } from './verifier-key.ts';
