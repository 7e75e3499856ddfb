/**
 * The building, live. Everything that matters is behind Twinkeep's gateway: this page signs in at `/v1/login`, keeps the
 * tokens in memory only (a reload signs out), and shows what the twin says.
 */
const FLOORS = ['Roof', '5th', '4th', '3rd', '2nd', '1st', 'Ground', 'Basement'];
const POINTS = 60;
const RETRY_MS = 2_000;

const at = (selector, within = document) => within.querySelector(selector);
const copyOf = (id) => at(`#${id}`).content.firstElementChild.cloneNode(true);
const oneDecimal = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

let grant; // the tokens, while signed in
let socket;
let refreshing;
const meters = new Map();

at('#sign-in').addEventListener('submit', signIn);
at('#sign-out').addEventListener('click', () => {
  void call('/v1/logout', { method: 'POST' }).catch(() => undefined);
  leave('');
});

async function signIn(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const button = at('button', form);
  button.disabled = true;
  try {
    grant = await post('/v1/login', Object.fromEntries(new FormData(form)));
    await enter();
    form.reset();
  } catch (error) {
    leave(error.message);
  } finally {
    button.disabled = false;
  }
}

async function enter() {
  const [{ you, ...building }, { items }] = await Promise.all([call('/api/building'), call('/api/meters')]);
  at('#you').textContent = `${you.name} · ${you.roles.join(', ')}`;
  showFloors(items, you.may_command);
  showFigures({ ...building, kw: { grid: building.grid_kw, 'pv-roof': building.pv_kw } });
  at('#door').hidden = true;
  at('#house').hidden = false;
  watch();
}

function leave(why) {
  grant = undefined;
  socket?.close();
  meters.clear();
  at('#house').hidden = true;
  at('#door').hidden = false;
  at('.fault').textContent = why;
}

// ---- talking to the gateway

async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  return answerOf(await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) }));
}

/** Asks with the access token, and once more with a fresh one where it has run out. */
async function call(path, options = {}) {
  const ask = () => {
    const headers = { authorization: `Bearer ${grant?.access_token}`, ...options.headers };
    return fetch(path, { ...options, headers });
  };
  const response = await ask();
  if (response.status !== 401 || grant === undefined) return answerOf(response);
  refreshing ??= post('/v1/token/refresh', { refresh_token: grant.refresh_token }).finally(() => {
    refreshing = undefined;
  });
  try {
    grant = await refreshing;
  } catch {
    leave('Your session has ended. Please sign in again.');
    throw new Error('The session has ended.');
  }
  return answerOf(await ask());
}

async function answerOf(response) {
  const body = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? body.title ?? `The server answered ${response.status}.`);
  return body;
}

/** A socket cannot carry a header, so the token goes along as a subprotocol; the gateway takes it out. */
function watch() {
  const ours = new WebSocket(new URL('/live', location.href.replace(/^http/, 'ws')), [
    'energy-twin',
    `twinkeep.bearer.${grant.access_token}`,
  ]);
  socket = ours;
  ours.addEventListener('open', () => showPulse(true));
  ours.addEventListener('message', ({ data }) => hear(JSON.parse(data)));
  ours.addEventListener('close', () => {
    showPulse(false);
    if (socket === ours && grant !== undefined) setTimeout(watchAgain, RETRY_MS);
  });
}

async function watchAgain() {
  if (grant === undefined) return;
  try {
    await call('/api/building'); // refreshes the token, or ends at the door where the session was ended
    watch();
  } catch {
    if (grant !== undefined) setTimeout(watchAgain, RETRY_MS);
  }
}

// ---- showing

function hear(message) {
  if (message.type === 'command') {
    const meter = meters.get(message.meter);
    meter?.showSetpoint(message.value);
    at('#news').textContent = `${message.by} set ${meter?.name} to ${message.value} ${meter?.unit}.`;
    return;
  }
  showFigures(message);
  for (const [id, kw] of Object.entries(message.kw)) meters.get(id)?.add(kw);
}

function showPulse(isLive) {
  at('#pulse').textContent = isLive ? 'live' : 'connecting';
  at('#pulse').classList.toggle('live', isLive);
}

function showFigures({ kw, indoorC, outdoorC }) {
  const figures = { 'grid-kw': kw.grid, 'pv-kw': kw['pv-roof'], indoor: indoorC, outdoor: outdoorC };
  for (const [id, value] of Object.entries(figures)) at(`#${id}`).textContent = oneDecimal.format(value);
}

function showFloors(items, mayCommand) {
  const floors = FLOORS.map((name) => {
    const floor = copyOf('floor');
    at('h2', floor).textContent = name;
    at('.meters', floor).append(
      ...items.filter((item) => item.floor === name).map((item) => meterOf(item, mayCommand)),
    );
    return floor;
  });
  at('#floors').replaceChildren(...floors);
}

function meterOf({ id, name, kind, recent, setpoint }, mayCommand) {
  const card = copyOf('meter');
  card.classList.add(kind);
  at('h3', card).textContent = name;
  const form = setpoint && setpointOf(id, setpoint, mayCommand);
  if (form) card.append(form);
  const draw = () => {
    at('output', card).textContent = oneDecimal.format(recent.at(-1) ?? 0);
    const line = lineOf(recent);
    at('.line', card).setAttribute('d', line);
    at('.area', card).setAttribute('d', `${line}V36H0Z`);
  };
  meters.set(id, {
    name,
    unit: setpoint?.unit,
    add: (kw) => {
      recent.push(kw);
      if (recent.length > POINTS) recent.shift();
      draw();
    },
    showSetpoint: (value) => form?.show(value),
  });
  draw();
  return card;
}

/** The last minute as a path; a quiet meter stays a quiet line, so the scale is never finer than a tenth of its height. */
function lineOf(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = Math.max(high - low, Math.abs(high) / 10, 0.1);
  const middle = (low + high) / 2;
  const points = values.map((value, index) => {
    const x = (index * 120) / Math.max(1, values.length - 1);
    return `${x.toFixed(1)} ${(18 - ((value - middle) / span) * 30).toFixed(1)}`;
  });
  return `M${points.join('L')}`;
}

function setpointOf(id, { what, unit, min, max, value }, mayCommand) {
  const form = copyOf('setpoint');
  const [input, output, button] = ['input', 'output', 'button'].map((name) => at(name, form));
  const say = () => {
    output.textContent = `${input.value} ${unit}`;
  };
  at('.what', form).textContent = what;
  input.id = `value-${id}`;
  at('label', form).htmlFor = input.id;
  Object.assign(input, { min, max, step: unit === '°C' ? 0.5 : 1, value, disabled: !mayCommand });
  button.hidden = !mayCommand;
  input.addEventListener('input', say);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ value: Number(input.value) });
    try {
      await call(`/api/meters/${id}/setpoint`, { method: 'POST', headers, body });
    } catch (error) {
      at('#news').textContent = error.message;
    } finally {
      button.disabled = false;
    }
  });
  say();
  form.show = (told) => {
    input.value = told;
    say();
  };
  return form;
}
