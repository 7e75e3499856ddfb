import { bad, type Check, type Finding, good, partly } from './finding.ts';
import type { DefenceFacts, ModeFacts, PostureSources, TransportFacts } from './sources.ts';

/** Of TLS, and of how attacks are seen. Where there is nothing to look at they count for nothing. */
export function defenceChecks({ transport, defence }: Pick<PostureSources, 'transport' | 'defence'>): readonly Check[] {
  return [
    {
      id: 'transport.end',
      title: 'It is known who speaks TLS, and which',
      weight: 5,
      look: async () => endOf(await transport()),
    },
    {
      id: 'transport.certificate',
      title: 'The certificate is good for a while',
      weight: 6,
      look: async () => certificateOf(await transport()),
    },
    {
      id: 'transport.redirect',
      title: 'Browsers are sent to HTTPS',
      weight: 1,
      look: async () => redirectOf(await transport()),
    },
    { id: 'detection.own', title: 'Attacks on our own routes are refused', weight: 6, look: () => ownOf(defence()) },
    {
      id: 'detection.gateway',
      title: 'Attacks on back ends are refused',
      weight: 6,
      look: () => modesOf(defence().gateway, 'gateway.routes'),
    },
    {
      id: 'detection.forward-auth',
      title: 'Attacks are refused that other proxies ask about',
      weight: 3,
      look: () => modesOf(defence().forwardAuth, 'gateway.forwardAuth.routes'),
    },
    { id: 'detection.never', title: 'Few can never be blocked', weight: 2, look: () => neverOf(defence()) },
  ];
}

function endOf({ served, minVersion, behindProxy }: TransportFacts): Finding | undefined {
  if (served)
    return minVersion === '1.3'
      ? good('It ends here, and is 1.3 alone.')
      : partly(0.5, `It ends here, from ${minVersion} on.`, 'TWINKEEP_TLS_MIN_VERSION=1.3 once old clients are gone.');
  if (behindProxy === 'named') return good('A trusted proxy speaks it, and says which.');
  if (behindProxy === 'unnamed')
    return bad(
      'A proxy is said to speak it, and none is trusted.',
      'Name it in trustedProxies, or serve TLS: tls.certFile.',
    );
  return undefined;
}

function certificateOf({ certificate }: TransportFacts): Finding | undefined {
  if (certificate === undefined) return undefined;
  const { daysLeft, warnDays } = certificate;
  const advice = 'Renew it; a new file is taken up within seconds.';
  if (daysLeft === undefined) return bad('Its file cannot be read any more.', advice);
  if (daysLeft < 0) return bad('It has run out.', advice);
  const seen = `${daysLeft} days are left.`;
  return daysLeft > warnDays ? good(seen) : partly(0.5, seen, advice);
}

function redirectOf({ served, redirectPort }: TransportFacts): Finding | undefined {
  if (!served) return undefined;
  return redirectPort === undefined
    ? partly(0.5, 'Who types the name without https:// gets no answer.', 'Set TWINKEEP_TLS_REDIRECT_PORT=80.')
    : good(`Port ${redirectPort} sends them.`);
}

function ownOf({ own }: DefenceFacts): Finding {
  if (own === 'block') return good('They are refused.');
  const advice = 'detection.inspection.mode: block';
  return own === 'shadow'
    ? partly(0.5, 'They are told of, and let by.', advice)
    : bad('Nobody looks for them.', advice);
}

function modesOf({ block, shadow, off }: ModeFacts, setting: string): Finding | undefined {
  const all = block + shadow + off;
  if (all === 0) return undefined;
  const seen = `Of ${all} routes ${block} refuse attacks, ${shadow} tell of them, ${off} do not look.`;
  if (block === all) return good(seen);
  return partly((block + shadow / 2) / all, seen, `Set detection: block in ${setting}, once what is told is right.`);
}

function neverOf({ never, wide }: DefenceFacts): Finding {
  if (wide.length > 0)
    return bad(`Whole networks never are: ${wide.slice(0, 5).join(', ')}.`, 'Name single hosts in detection.never.');
  return good(never === 0 ? 'Everybody can be.' : `${never} hosts, people and keys cannot.`);
}
