import type { Route } from '../../http/index.ts';
import type { ProfileSettings } from '../config.ts';
import type { Extras, ProfileGround } from '../extras.ts';
import { loginRoute } from './login.ts';
import { refreshRoute } from './refresh.ts';
import { registerRoute } from './register.ts';
import { csrfRoute, logoutRoute } from './session.ts';

/**
 * The routes of one profile: those that all systems have in common, at its paths (X01), and its own. A common one gives
 * way to one of its own at the same place.
 */
export function routesOf(ground: ProfileGround, settings: ProfileSettings, extras: Extras): readonly Route[] {
  const { routes = [] } = extras;
  const own = typeof routes === 'function' ? routes(ground) : routes;
  const taken = new Set(own.map(placeOf));
  return [...commonRoutes(ground, settings, extras).filter((route) => !taken.has(placeOf(route))), ...own];
}

function commonRoutes(ground: ProfileGround, settings: ProfileSettings, extras: Extras): readonly Route[] {
  const { register, refresh, logout, csrf } = ground.preset.paths;
  return [
    loginRoute(ground, extras),
    ...(register === undefined ? [] : [registerRoute(ground, register, settings)]),
    ...(refresh === undefined ? [] : [refreshRoute(ground, refresh, extras)]),
    ...(logout === undefined ? [] : [logoutRoute(ground, logout)]),
    ...(csrf === undefined || !ground.parcels.takes.cookie ? [] : [csrfRoute(ground, csrf)]),
  ];
}

const placeOf = ({ method, path }: Route): string => `${method} ${path}`;
