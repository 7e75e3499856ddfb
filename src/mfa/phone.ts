import { mfaFault } from './errors.ts';

/** Other countries and dear services behind a shared calling code: `+1`, and below it `+44` and `+7`. */
const APART_OF_1 = [
  ...['242', '246', '264', '268', '284', '340', '345', '441', '473', '649', '658', '664', '670', '671', '684', '721'],
  ...['758', '767', '784', '809', '829', '849', '868', '869', '876'],
].map((area) => `1${area}`);

/** Guernsey, Jersey and Man have ranges of their own behind `+44`, and Kazakhstan behind `+7`. */
const APART = [
  ...APART_OF_1,
  ...['441481', '447781', '447839', '447911', '441534', '447509', '447700', '447797', '447829', '447937'],
  ...['441624', '447524', '447624', '447924', '76', '77'],
];

/** Premium-rate and satellite ranges: a code sent there is money for whoever rents them. */
const PREMIUM = [
  ...['1900', '1976', '808', '870', '871', '872', '873', '874', '878', '881', '882', '883', '979'],
  ...['3190', '32903', '32905', '32909', '3389', '34803', '34806', '34807', '34905', '35190', '35315'],
  ...['39144', '39166', '39178', '39199', '39892', '39893', '39894', '39895', '39899', '358600', '358700'],
  ...[
    '41900',
    '41901',
    '41906',
    '43900',
    '43901',
    '43930',
    '43931',
    '43939',
    '449',
    '4470',
    '4476',
    '4487',
    '4590',
    '46900',
    '46939',
  ],
  ...['4782', '4870', '49137', '49180', '49700', '49190', '49900', '5590', '61190', '64900', '7809', '8190'],
];

const E164 = /^\+[1-9]\d{6,14}$(?!\n)/;

/**
 * Whether codes may be sent to a number: its calling code is allowed, and it is in none of the ranges by which fraud is
 * paid.
 *
 * @param number E.164, as in `+4930123456`
 * @param countries calling codes; a longer one allows what lies apart behind a shorter, as in `1876`
 * @returns the first digits that it has in common with its neighbours: calling code and four more
 * @throws MFA_NUMBER_REFUSED
 */
export function prefixOf(number: string, countries: readonly string[]): string {
  if (!E164.test(number)) throw mfaFault('MFA_NUMBER_REFUSED');
  const digits = number.slice(1);
  const within = (range: string): boolean => digits.startsWith(range);
  const allowed = countries.filter(within).sort((a, b) => b.length - a.length)[0];
  const apart = APART.find(within);
  const isReached = allowed !== undefined && (apart === undefined || allowed.length >= apart.length);
  if (!isReached || PREMIUM.some(within)) throw mfaFault('MFA_NUMBER_REFUSED');
  return digits.slice(0, allowed.length + 4);
}

/** `+49…56`, `a…@b.example`: enough for the owner to know which it is. */
export function hintOf(to: string): string {
  const at = to.lastIndexOf('@');
  return at < 0 ? `${to.slice(0, 3)}…${to.slice(-2)}` : `${[...to][0] ?? ''}…${to.slice(at)}`;
}
