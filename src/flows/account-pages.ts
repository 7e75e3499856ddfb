import { createHash } from 'node:crypto';
import { defineRoute, ok, type Route } from '../http/index.ts';
import type { AccountPage } from './account-mails.ts';

/** One page that the link of a mail leads to: what it asks for, and where it sends that. */
interface Page {
  readonly name: AccountPage;
  readonly title: string;
  readonly action: string;
  readonly done: string;
  /** Relative to the page, so that a proxy may serve it all under a path of its own. */
  readonly target: string;
  /** How the body calls the token. */
  readonly token: string;
  readonly fields: readonly ('username' | 'password')[];
}

const PAGES: readonly Page[] = [
  {
    name: 'register',
    title: 'Finish your registration',
    action: 'Make my account',
    done: 'Your account is ready. You can sign in now.',
    target: '../v1/email/verify',
    token: 'token',
    fields: ['password'],
  },
  {
    name: 'verify',
    title: 'Confirm your e-mail address',
    action: 'Confirm',
    done: 'Your address is confirmed.',
    target: '../v1/email/verify',
    token: 'token',
    fields: [],
  },
  {
    name: 'reset',
    title: 'Choose a new password',
    action: 'Change my password',
    done: 'Your password was changed, and all your sessions were ended. You can sign in now.',
    target: '../v1/password/reset',
    token: 'token',
    fields: ['password'],
  },
  {
    name: 'invitation',
    title: 'Accept your invitation',
    action: 'Make my account',
    done: 'Your account is ready. You can sign in now.',
    target: '../v1/register',
    token: 'invitation',
    fields: ['username', 'password'],
  },
];

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:10vh auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem}label{display:block;margin:1rem 0}input,button{font:inherit;padding:.5rem .7rem;width:100%;box-sizing:border-box}
button{margin-top:1rem;cursor:pointer}p{min-height:1.5em}@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}}`;

/**
 * The token leaves the address bar at once, so that neither history nor screen keeps it, and nothing is sent before the
 * button is pressed: programs that open the links of mails must not use them up.
 */
const SCRIPT = `const form=document.querySelector('form'),said=document.querySelector('output'),token=location.hash.slice(1);
history.replaceState(null,'',location.pathname);
if(!token){said.textContent='This page is opened by the link of a mail.';form.hidden=true}
form.addEventListener('submit',async event=>{event.preventDefault();said.textContent='One moment…';
const body=Object.fromEntries(new FormData(form));body[form.dataset.token]=token;
try{const answer=await fetch(new URL(form.dataset.target,location.href),{method:'POST',headers:{'content-type':'application/json'},body:JSON.stringify(body),credentials:'omit',referrerPolicy:'no-referrer'});
if(answer.ok){form.hidden=true;said.textContent=form.dataset.done;return}
const problem=await answer.json();const more=problem.strength?.suggestions??problem.reasons??[];
said.textContent=[problem.title,...more].join(' ')}catch{said.textContent='That did not go through. Try again.'}});`;

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Its own script and style, by hash, and requests to the server that it came from. */
const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(SCRIPT)}`,
  `style-src ${hashOf(STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FIELDS = {
  username: '<label>User name<input name="username" autocomplete="username" required maxlength="128"></label>',
  password:
    '<label>Password<input name="password" type="password" autocomplete="new-password" required maxlength="256"></label>',
} as const;

const htmlOf = ({ title, action, done, target, token, fields }: Page): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer"><title>${title}</title><style>${STYLE}</style></head><body><h1>${title}</h1>
<form data-target="${target}" data-token="${token}" data-done="${done}">${fields.map((name) => FIELDS[name]).join('')}<button>${action}</button></form>
<p><output role="status"></output></p><script>${SCRIPT}</script></body></html>`;

/** The pages behind the links of mails: the same bytes for everybody, for the token stands in the fragment. */
export const accountPageRoutes = (): readonly Route[] =>
  PAGES.map((page) => {
    const html = htmlOf(page);
    return defineRoute({
      method: 'GET',
      path: `/account/${page.name}`,
      summary: `The page behind the link of a mail: ${page.title.toLowerCase()}.`,
      access: { kind: 'public', because: 'whoever opens the link of a mail is not known yet' },
      records: 'none',
      replies: { 200: 'text/html; charset=utf-8' },
      faults: [],
      handle: async () =>
        ok(html, {
          headers: { 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' },
        }),
    });
  });
