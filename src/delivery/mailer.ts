import type { Transporter } from 'nodemailer';
import type { EpochMs } from '../kernel/brand.ts';
import { seconds } from '../kernel/clock.ts';
import type { SmtpConfig } from './config.ts';
import type { Contents } from './message.ts';
import { type Outcome, reasonOf } from './outcome.ts';

type Email = Extract<Contents, { kind: 'email' }>;

/** One e-mail to send; the same id and time give the same headers, however often it is tried. */
export interface OutgoingEmail {
  readonly id: string;
  readonly createdAt: EpochMs;
  readonly contents: Email;
}

export type SendEmail = (email: OutgoingEmail, signal: AbortSignal) => Promise<Outcome>;

/**
 * Sends by SMTP, a connection for each message. `nodemailer` is loaded at the first one.
 *
 * The `Message-ID` is made of the message's id, so that a mail whose end of data was not confirmed, and that is
 * therefore sent again, can be told from a second one.
 *
 * @see RFC 5321 §4.2.1: replies of 4yz are transient, those of 5yz permanent
 */
export function createMailer(config: SmtpConfig): SendEmail {
  let opening: Promise<Transporter> | undefined;
  const host = config.from.address.slice(config.from.address.lastIndexOf('@') + 1);
  return async ({ id, createdAt, contents }, signal) => {
    opening ??= openTransport(config);
    const { to, subject, text, html } = contents;
    const mail = {
      messageId: `<${id}@${host}>`,
      date: new Date(createdAt),
      from: config.from,
      to: { name: '', address: to }, // as an object: text would be read as a list of addresses
      subject,
      text,
      ...(html === undefined ? {} : { html }),
      headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834: keeps holiday notices from answering
      signal,
    };
    try {
      await (await opening).sendMail(mail);
      return { kind: 'sent', status: 250 };
    } catch (error) {
      return outcomeOf(error, signal);
    }
  };
}

async function openTransport(config: SmtpConfig): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  const { host, port, tls, username, password, verifyCertificate, ca } = config;
  return createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls', // without it a server, or whoever is in between, could talk us out of TLS
    ignoreTLS: tls === 'none',
    ...(username === undefined || password === undefined ? {} : { auth: { user: username, pass: password.reveal() } }),
    tls: { rejectUnauthorized: verifyCertificate, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    disableFileAccess: true, // a message is text; nothing in it may name a file or URL to be read
    disableUrlAccess: true,
    connectionTimeout: seconds(15),
    greetingTimeout: seconds(15),
    socketTimeout: seconds(30),
  });
}

/** Refusals of the message are final; those of us (a password, a greeting) are the operator's to mend, so they wait. */
function outcomeOf(error: unknown, signal: AbortSignal): Outcome {
  const { responseCode, code } = Object(error);
  const status = typeof responseCode === 'number' ? responseCode : undefined;
  const ofMessage = code === 'EENVELOPE' || code === 'EMESSAGE';
  if (status !== undefined && ofMessage) {
    return { kind: status >= 500 ? 'failed' : 'retry', reason: `smtp_${status}`, status };
  }
  return { kind: 'retry', reason: reasonOf(error, signal), status };
}
