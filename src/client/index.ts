/** Floor 1. For browsers and Node: signs in, keeps and refreshes tokens, and calls; knows no room. */
export type { Challenge, Enrolling, Me, Method, Offered, Passkey, SessionInfo, SignInStep } from './answers.ts';
export { type Client, type ClientOptions, createClient } from './client.ts';
export { ClientError } from './client-error.ts';
export type { StepUpChallenge } from './line.ts';
export type { Preset, ProfileName } from './paths.ts';
