/** The parts of the configuration that have to agree with each other. */
interface Checked {
  readonly backEnds: Readonly<Record<string, CheckedBackEnd>>;
  readonly routes: readonly CheckedRoute[];
}

interface CheckedBackEnd {
  readonly url?: string | undefined;
  readonly urls?: readonly string[] | undefined;
  readonly tls?: { readonly certFile?: string | undefined; readonly keyFile?: string | undefined } | undefined;
}

interface CheckedRoute {
  readonly path: string;
  readonly host?: string | undefined;
  readonly methods: readonly string[];
  readonly to: string;
  readonly access: unknown;
  readonly because?: string | undefined;
  readonly sockets: boolean;
  readonly origins?: readonly string[] | undefined;
  readonly authMessage: boolean;
  readonly socketIo: boolean;
}

interface Clash {
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

/** What contradicts itself in a configuration, each with the fix. */
export function checkGateway({ backEnds, routes }: Checked): readonly Clash[] {
  return [
    ...Object.entries(backEnds).flatMap(([name, backEnd]) => clashesOf(name, backEnd)),
    ...routes.flatMap((route, at) => routeClashes(route, at, backEnds)),
    ...doubles(routes),
  ];
}

function clashesOf(name: string, { url, urls, tls }: CheckedBackEnd): Clash[] {
  const clashes: Clash[] = [];
  const path = ['backEnds', name];
  if ((url === undefined) === (urls === undefined)) clashes.push({ path, reason: 'needs either url or urls' });
  if (urls !== undefined && new Set(urls).size < urls.length) {
    clashes.push({ path: [...path, 'urls'], reason: 'names a URL twice' });
  }
  if (tls !== undefined && (tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    clashes.push({ path: [...path, 'tls'], reason: 'certFile and keyFile go together' });
  }
  const plain = [url, ...(urls ?? [])].some((one) => one?.startsWith('http:'));
  if (tls !== undefined && plain) clashes.push({ path: [...path, 'tls'], reason: 'is for https alone' });
  return clashes;
}

function routeClashes(route: CheckedRoute, at: number, backEnds: Checked['backEnds']): Clash[] {
  const clashes: Clash[] = [];
  const clash = (member: string, reason: string): void => void clashes.push({ path: ['routes', at, member], reason });
  const { to, access, because, sockets, origins, methods, path } = route;
  if (!Object.hasOwn(backEnds, to)) clash('to', `there is no back end called ${to}`);
  if (access === 'public' && because === undefined) clash('because', 'a public route says why it may be public');
  if (access !== 'public' && because !== undefined) clash('because', 'is for public routes');
  if (sockets && !methods.includes('GET')) clash('methods', 'a route with sockets needs GET');
  clashes.push(...messageClashes(route, at));
  if (origins !== undefined && !sockets) clash('origins', 'is for routes with sockets');
  if (origins?.some((origin) => !isPageOrigin(origin))) clash('origins', 'must be origins like https://twin.example');
  if (new Set(methods).size < methods.length) clash('methods', 'names a method twice');
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) clash('path', 'must not have dots alone');
  return clashes;
}

/** Those who say who they are in a message, on a route that needs to know it. */
function messageClashes({ authMessage, socketIo, sockets, access, methods }: CheckedRoute, at: number): Clash[] {
  const clashes: Clash[] = [];
  const clash = (member: string, reason: string): void => void clashes.push({ path: ['routes', at, member], reason });
  for (const [member, set] of [
    ['authMessage', authMessage],
    ['socketIo', socketIo],
  ] as const) {
    if (set && !sockets) clash(member, 'is for routes with sockets');
    if (set && access === 'public') clash(member, 'is for routes that ask who calls');
  }
  if (authMessage && socketIo) clash('authMessage', 'is not for socketIo, whose CONNECT packet is that message');
  if (socketIo && !methods.includes('POST')) clash('methods', 'a route with socketIo needs GET and POST');
  return clashes;
}

function isPageOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && !text.includes('*');
}

/** `/x/:id` and `/x/:name` are one path to a router, and so are two with the same name and a different back end. */
function doubles(routes: readonly CheckedRoute[]): Clash[] {
  const taken = new Map<string, number>();
  const clashes: Clash[] = [];
  routes.forEach(({ path, methods, host = '' }, at) => {
    for (const method of methods) {
      const key = `${host} ${method} ${path.replace(/:[^/]+/g, ':')}`;
      const first = taken.get(key);
      if (first === undefined) taken.set(key, at);
      else clashes.push({ path: ['routes', at, 'path'], reason: `${method} ${path} is route ${first} already` });
    }
  });
  return clashes;
}
