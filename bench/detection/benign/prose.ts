import { paired, values } from './values.ts';

const COMMENTS = values`
It's the landlord's meter (the one in O'Malley's shop), isn't it?
Don't know - maybe the tenant's? I'll ask; they'd better answer!
She said "it's broken" and left; I can't say more.
He wrote: 'all good', then nothing for 3 days.
Price went from $5 to $7 (a 40% increase!) - why?
We paid €1'200.50 + 19% VAT = €1'428.60, i.e. more than last year's €1,000.
If a < b and b < c, then a < c; that's what I learnt at school.
5 > 3 and 3 > 1, so what's wrong with my bill?
Use <b> for bold and <i> for italics in the description field.
I tried the <b>bold</b> and <i>italic</i> tags, but they're shown as they are.
The readings are OK :-) but the graph isn't :-(
I <3 this dashboard!!! <3 <3
Love it ;-) ;) :P :D xD ^^ \o/
Meter #12 (2nd floor) reads 3/4 of what #13 does; #14 = 0.
2 + 2 = 4, 3*3 = 9, 10/4 = 2.5, 2^10 = 1024 and -1 < 0.
Heating: on from 6-8 & 17-22, off otherwise; see plan (PDF).
Please select a new union representative from the list of members.
Select the tariff from the table where your name is shown.
I'd like to order by phone, group by floor, and drop the old contract.
Insert the card into the slot, then delete the old record and update your profile.
Where is the union office? Having asked twice, I and my wife or son will come again.
The drop table in the gym is broken; please update where it stands.
Like '70s radiators: heavy, loud -- and impossible to turn off.
We can't execute the plan; grant us another week or cancel the order.
Create a table of all rooms, alter the order, and truncate long names.
The cast and crew will sleep at the hotel; benchmark price is 90 per night.
Union Square station: select trains only, from 9 to 5 -- see the time table.
The script for the play: "Alert! The document is on the table," he cried.
On load shedding: the script runs on Monday, on error it's repeated.
Source: the engineer's report; object: pump no. 2; frame: steel; form: round.
Please ping me when you're done, or curl up with a book and sleep 10 minutes.
The cat sat on the mat; ls -- that's short for "less", isn't it?
Who am I to say? The id on the label is 4711; echo from the basement is bad.
Kill the noise, sort the bins, cut the grass & tail the van: that's my Saturday.
Find the leak, then touch nothing; move (mv?) the valve more to the left.
See you at 10 o'clock; bring the plans, the keys and/or the caretaker.
Tenants: Mr. O'Hara & Ms. D'Souza; both 'd like to be there.
My e-mail is ann.o'hara+meters@example.co.uk (not ann@example.com).
Visit https://www.example.org/meters?id=12&lang=en#readings for details.
The manual is at http://docs.example.com/a/b/c.html; page 12 ff.
See www.example.com, "Support > Downloads > Manuals".
Go to Settings -> Devices -> Meter -> Rename.
Menu: File | Edit | View | Help; then "Save As...".
He earns ~50k/year; she's at 60k+ (before tax).
Temperature was -5 °C...+3 °C; wind 3-4 Bft; rain 0.5 l/m².
Pressure at 2.5 bar (+/- 0.2), flow 3 m³/h @ 60 °C.
Is it I/O or 1/0? The label says "I/0" - can't read it.
A && B || C isn't what I meant; A and (B or C) is.
The ratio is 3:2; the score was 4:1; the train leaves at 12:05.
Note: $HOME is where the heart is ;)
Cost: $12.50/month * 12 = $150.00/yr; that's 10% < last year.
Thanks a lot!!! You're the best!!! (really)
??? what does "E-04; F=1" on the display mean ???
"Quote" 'quote' „Zitat“ «citation» ‚x‘ “y”
Semi;colons; everywhere; sorry; my keyboard; is broken;
(((nested (parentheses) are (fun))))
[1] see above; [2] ibid.; [3] cf. O'Reilly (2004), p. 12-15.
Smith & Wesson v. O'Neil, 12 U.S. 34 (1805), at 36-37.
1) check valve; 2) check pump; 3) call us.
* milk⏎* eggs⏎* bread - 2x⏎* O'Malley's beer
- [ ] read meter⏎- [x] send bill⏎- [ ] ask d'Artagnan
Hi,⏎⏎the meter's display shows "----".⏎What's to be done?⏎⏎Regards,⏎--⏎Ann O'Hara⏎+44 20 7946 0000
> Did you get my mail?⏎> It's from Monday.⏎⏎Yes, I did. It's fine!
On Mon, Jan 1, 2024 at 9:00 AM Ann <ann@example.org> wrote:⏎> Hello; can't you come earlier?
# Meter readings⏎⏎Some **bold** text, some _italic_ text and a [link](https://example.org/a?b=c&d=e).
## To do⏎1. Read the *manual*⏎2. Don't panic!⏎3. ~~Call~~ e-mail O'Brien
Run \`npm install\` first, then \`npm start\`; it's in the README.
\`\`\`⏎const total = readings.reduce((sum, r) => sum + r.kwh, 0);⏎\`\`\`⏎That's how I sum them up.
\`\`\`json⏎{"meter_id": "M1", "kwh": 3.5}⏎\`\`\`
| Room | kWh |⏎|---|---|⏎| Kitchen | 3.5 |⏎| O'Hara's | 4.1 |
![plan](plan.png "The plan") of the 2nd floor
Use \`<meter>\` in the page and style it with \`meter { width: 100%; }\`.
You can use {{name}} and {{meter_id}} in the e-mail's template.
Dear {{first_name}}, your meter {{meter.id}} has been read on {{date}}.
Dear \${name}, your bill of \${amount} is due on \${date}.
Hello %s, you've used %d kWh (%.2f %%) since %s.
Hello {0}, your order #{1} has shipped.
The form says <name>, <address> and <phone>; what's to go in there?
Replace <your-id> with your ID, e.g. 4711, and <your-key> with your key.
Please don't write "n/a" or '-' there; leave it empty.
My password doesn't work: I've typed it 3x; it's got a ' and a " in it.
The word "script" in the title is cut off; "<script" too, or so says Bob.
The 'or' in the search doesn't work: "pump or valve" finds nothing.
Why is 'O''Brien' shown with two apostrophes?
It isn't 1=1 but 1≈1 ;-)
Is 1 = 1? Of course it is! And 1=2? Never.
Bob's car; Alice's bike; the kids' skates -- all in the garage.
The cable (3x1.5 mm²) was cut; the fuse (16 A, type "B") is OK.
Flat no. 3's tenant's dog's collar's bell rings all night!
Please add me to the list 'Energy & Water'; my no. is 12/34-56.
I'll be away 1/2-15/2; ring the neighbour (no. 5, "Svensson").
Rent = 500, heating = 80, water = 30; sum = 610; that's too much!
A. Yes; B. No; C. I don't know; D. None of the above
Ünal's and Łukasz's meters were swapped, weren't they?
You have to be kidding!? 100 kWh/day?! In a 1-room flat???
E = m*c^2, P = U*I, a^2 + b^2 = c^2; any questions?
f(x) = x^2 + 3x - 4; f(1) = 0; so x = 1 or x = -4.
Let x be > 0 and y <= 10; then x*y > 0 if y > 0.
The answer's in chapter 4, "Pumps; valves & pipes" (pp. 12--15).
`;

const OPENINGS = values`
Hello,
Hi there!
Good morning;
Dear Sir or Madam,
FYI:
Just a note -
Hey, it's Ann.
To whom it may concern:
Sorry to bother you again, but
P.S.:
`;

const ENDINGS = values`
Thanks!
Thank you & best regards, Ann O'Hara
Cheers, Bob ;-)
That's all.
Isn't it?
(sent from my phone)
Yours, "The Neighbours"
Let me know - it's urgent!!
See you @ 10.
`;

/** Comments and messages of people, with the punctuation that people use. */
export const prose: readonly string[] = [
  ...COMMENTS,
  ...paired(COMMENTS, OPENINGS, (comment, opening) => `${opening} ${comment}`),
  ...paired(COMMENTS, ENDINGS, (comment, ending) => `${comment}\n\n${ending}`),
  ...paired(COMMENTS, [...COMMENTS.slice(7), ...COMMENTS.slice(0, 7)], (one, other) => `${one} ${other}`),
];
