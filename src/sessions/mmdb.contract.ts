/** A database of places with a few IPv4 networks of /24, as MaxMind's format has them. @see https://maxmind.github.io/MaxMind-DB/ */
export function mmdbOf(networks: Readonly<Record<string, unknown>>): Buffer {
  const nodes: [Slot, Slot][] = [[undefined, undefined]];
  const data: Buffer[] = [];
  for (const [network, record] of Object.entries(networks)) {
    const at = data.reduce((sum, { length }) => sum + length, 0);
    data.push(encode(record));
    addTo(nodes, network, at);
  }
  const count = nodes.length;
  const tree = nodes.flatMap((pair) => pair.map((slot) => recordOf(slot, count)));
  const metadata = {
    ...{ node_count: count, record_size: 24, ip_version: 4, database_type: 'GeoLite2-City', languages: ['en'] },
    ...{ binary_format_major_version: 2, binary_format_minor_version: 0, build_epoch: 1_700_000_000 },
    description: { en: 'test' },
  };
  const marker = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com')]);
  return Buffer.concat([...tree, Buffer.alloc(16), ...data, marker, encode(metadata)]);
}

type Slot = undefined | { readonly node: number } | { readonly data: number };

function addTo(nodes: [Slot, Slot][], network: string, data: number): void {
  const bits = network
    .split('.')
    .slice(0, 3)
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  let at = 0;
  for (const [depth, bit] of [...bits].entries()) {
    const pair = nodes[at];
    const side = bit === '1' ? 1 : 0;
    if (pair === undefined) return;
    if (depth === bits.length - 1) pair[side] = { data };
    else {
      const slot = pair[side];
      const next = slot !== undefined && 'node' in slot ? slot.node : nodes.push([undefined, undefined]) - 1;
      pair[side] = { node: next };
      at = next;
    }
  }
}

function recordOf(slot: Slot, count: number): Buffer {
  const value = slot === undefined ? count : 'node' in slot ? slot.node : count + 16 + slot.data;
  const bytes = Buffer.alloc(3);
  bytes.writeUIntBE(value, 0, 3);
  return bytes;
}

function encode(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number' && (value < 0 || !Number.isInteger(value))) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([control(3, 8), bytes]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  const members = Object.entries(value ?? {});
  return Buffer.concat([control(7, members.length), ...members.flatMap((pair) => pair.map(encode))]);
}

/** Sizes of at most 28 stand in the byte itself. Types above 7 stand in the next. */
const control = (type: number, size: number): Buffer =>
  type <= 7 ? Buffer.from([(type << 5) | size]) : Buffer.from([size, type - 7]);
