import { gatewayFault } from './errors.ts';

/** Clients of whom nobody knows yet who they are: each costs memory, so they are few. */
export interface Waiting {
  /** @returns gives the place back; more than once does no harm @throws GATEWAY_SOCKETS */
  take(addressBlock: string): () => void;
  count(): number;
}

/** @param most of all addresses; `mostPerAddress` of one, so that no single one keeps the others out */
export function createWaiting(most: number, mostPerAddress: number): Waiting {
  const byAddress = new Map<string, number>();
  let count = 0;
  return {
    count: () => count,
    take: (addressBlock) => {
      const held = byAddress.get(addressBlock) ?? 0;
      if (count >= most || held >= mostPerAddress) throw gatewayFault('GATEWAY_SOCKETS', { retry_after_s: 5 });
      count++;
      byAddress.set(addressBlock, held + 1);
      let taken = true;
      return () => {
        if (!taken) return;
        taken = false;
        count--;
        const left = (byAddress.get(addressBlock) ?? 1) - 1;
        if (left > 0) byAddress.set(addressBlock, left);
        else byAddress.delete(addressBlock);
      };
    },
  };
}
