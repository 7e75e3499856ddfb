/** Floor 1. Pure functions over bytes: AEAD, MAC, KDF, password hashes, Ed25519, Merkle tree and signed checkpoints. */
export { NONCE_BYTES, open, SEAL_OVERHEAD_BYTES, seal } from './aead.ts';
export type { Argon2Cost } from './argon2id.ts';
export { encodeBase62 } from './base62.ts';
export { decodeBase64url, encodeBase64url } from './base64url.ts';
export { type Checkpoint, parseCheckpoint, signCheckpoint, verifyCheckpoint } from './checkpoint.ts';
export { checksum6, equalBytes, hmacSha256, SHA256_BYTES, sha256 } from './digest.ts';
export {
  type Ed25519KeyPair,
  type Ed25519PrivateJwk,
  type Ed25519PublicJwk,
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
export { type HkdfContext, hkdfSha256 } from './kdf.ts';
export {
  emptyFrontier,
  extendFrontier,
  type Frontier,
  frontierOf,
  frontierRoot,
  hashChildren,
  hashLeaf,
  type TreeHead,
  type TreeNode,
} from './merkle.ts';
export { consistencyPath, inclusionPath, type NodeAt } from './merkle-path.ts';
export { verifyConsistency, verifyInclusion } from './merkle-verify.ts';
export { createPasswordHasher, type PasswordHasher, type PasswordHasherDeps } from './password-hash.ts';
export { formatVerifierKey, parseVerifierKey, type VerifierKey } from './verifier-key.ts';
