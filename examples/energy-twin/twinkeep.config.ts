/**
 * What Twinkeep needs to know to stand in front of the energy twin: `TWINKEEP_CONFIG=examples/energy-twin/twinkeep.config.ts`.
 * All of the twin is named here; a path that no route names does not exist for the outside.
 */
const to = 'energy-twin';
const page = { to, access: 'public', methods: ['GET'], because: 'the page has no data and asks for a sign-in itself' };
const reading = { permission: 'read:twin' };

export default {
  gateway: {
    backEnds: {
      'energy-twin': { url: 'http://127.0.0.1:9000', health: { path: '/healthz' } },
    },
    routes: [
      { path: '/', ...page },
      { path: '/app.js', ...page },
      { path: '/style.css', ...page },
      { path: '/api/*', to, access: { permission: { read: 'read:twin', write: 'write:twin' } }, maxBodyBytes: 1_024 },
      { path: '/api/events', to, access: reading, methods: ['GET'], streams: true },
      { path: '/live', to, access: reading, methods: ['GET'], sockets: true },
    ],
  },
};
