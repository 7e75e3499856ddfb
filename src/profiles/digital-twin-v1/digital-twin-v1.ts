import type { ServedProfile } from '../profile.ts';
import { digitalTwinV1Face } from './face.ts';

/** The first Digital Twin's own part of its profile: the words of its refusals (A05). All else stands in its preset. */
export const openDigitalTwinV1 = (): Pick<ServedProfile, 'face'> => ({ face: digitalTwinV1Face });
