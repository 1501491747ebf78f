// deck_page.test.mjs - the machine of the page under two people's hands: every key, the strip, index, memory, two decks side by side, recording from one onto the
// other and taking it back, the remote control going round. What the deck itself does in each mode is the matter of the deck's own tests.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { browser, picture, root, screenshot, Server, until } from './lib.mjs';

const axeSource = readFileSync(createRequire(path.join(root, 'web/package.json')).resolve('axe-core/axe.min.js'), 'utf8');
const PASSWORD = 'eight chars';

const button = (page, name) => page.getByRole('button', { name, exact: true });
const press = (page, name) => button(page, name).click();
const words = async (page) => (await page.locator('.vfd .mode').innerText()).toLowerCase();
const mode = (page, wanted) => until(`mode ${wanted}`, async () => (await words(page)) === wanted);
const lit = (page, text) => page.locator('.lamps .lit', { hasText: text }).waitFor();
const said = (page, pattern) => until(`the sentence ${pattern}`, async () => pattern.test(await page.locator('.message.shown').innerText().catch(() => '')));
const counter = async (page) => (await page.getByRole('timer').innerText()).trim();
const place = async (page) => Number(await page.getByRole('slider').getAttribute('aria-valuenow'));
const cassette = (page, title) => page.locator('.cassette', { has: page.getByRole('heading', { name: title, exact: true }) });
const ready = (page, title) => until(`${title} ready`, () => cassette(page, title).evaluate((e) => e.classList.contains('ready')), 240000);
const atHeads = (page) => page.locator('.screen[data-picture=tape]').waitFor();
const panel = async (page, name) => { // opened
  const found = page.locator('details.panel', { has: page.getByRole('heading', { name, exact: true }) });
  if (!(await found.evaluate((e) => e.open))) await found.locator('> summary').click();
  return found;
};

async function signUp(page, server, email, first = false) {
  await page.goto(server.url);
  if (!first) await press(page, 'Create an account');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Shelf' }).waitFor();
}

/** How much of a picture is of strong colour, in several hues: a blue screen is none, the grey countdown neither. */
const coloured = ({ pixels }) => {
  const strong = pixels.filter((p) => Math.max(...p) - Math.min(...p) > 90);
  const hues = new Set(strong.map((p) => p.map((c) => (c > 110 ? 1 : 0)).join('')));
  return hues.size >= 4 ? strong.length / pixels.length : 0;
};
/* The still of a copy has strong colour in half of its picture (measured: 0.505), less where its noise bar lies across the bars; what else is on these tapes has none. */
const BARS_MIN = 0.25;

/** Where on the strip a click lands, as a part of its length. */
async function clickStrip(page, part) {
  const box = await page.getByRole('slider').boundingBox();
  await page.mouse.click(box.x + box.width * part, box.y + box.height / 2);
}

const misfits = (page) => page.evaluate(() => [
  ...(document.documentElement.scrollWidth > innerWidth ? [`page ${document.documentElement.scrollWidth} > ${innerWidth}`] : []),
  ...[...document.querySelectorAll('button, .vfd, .vfd .mode, .lamps, dialog, .panel, .strip')].filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
    .map((e) => `${e.className || e.textContent} ${e.scrollWidth} > ${e.clientWidth}`),
]);

async function accessible(page, where) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(found.violations.map((v) => `${where}: ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`), []);
}

test('the deck, by hand', async (t) => {
  const server = await Server.start(t, { VCR_DEMO: 'on' });
  const page = await browser(t);
  await signUp(page, server, 'ada@example.org', true);
  let broken = false; // the steps build on each other
  const step = (name, what, options = {}) => t.test(name, options, async () => {
    assert.ok(!broken, 'an earlier step failed');
    broken = true;
    await what();
    broken = false;
  });
  for (const title of ['Moving scene', 'Interlaced scene']) await press(page, `Cancel processing ${title}`);
  await ready(page, 'Countdown leader');
  await ready(page, 'Colour bars');
  let second; // another page of the same person

  await step('an empty deck says what it lacks, in a sentence that goes away', async () => {
    await panel(page, 'Decks');
    await press(page, 'An empty deck here');
    await page.locator('.vfd:not(.dark)').waitFor();
    await press(page, 'Play');
    await said(page, /^[A-Z].*(no tape|empty).*\.$/i);
    await screenshot(page, 'deck-refusal');
    await until('the sentence is gone', () => page.locator('.message').evaluate((e) => getComputedStyle(e).visibility === 'hidden'));
  });

  await step('memory, repeat, tracking and tape speed show in the display', async () => {
    await press(page, 'Insert Countdown leader');
    await mode(page, 'stop');
    await page.keyboard.press('o');
    await lit(page, 'MEMORY');
    await page.keyboard.press('o');
    await page.keyboard.press('v');
    await lit(page, 'REPEAT');
    await page.keyboard.press('v');
    await until('repeat is off', async () => (await page.locator('.lamps .lit', { hasText: 'REPEAT' }).count()) === 0);
    await page.locator('.flapdoor summary').click();
    await page.keyboard.press('p');
    await mode(page, 'play');
    await press(page, 'Tracking up');
    await press(page, 'Tracking up');
    await lit(page, 'TRK +2');
    await screenshot(page, 'deck-tracking');
    await press(page, 'Automatic tracking');
    await lit(page, 'AUTO TRK');
  });

  await step('slow, both ways, slower with each press; single frames', async () => {
    await press(page, 'Slow');
    await until('1/5', async () => (await page.locator('.also').innerText()) === '1/5');
    await press(page, 'Slow');
    await until('1/10', async () => (await page.locator('.also').innerText()) === '1/10');
    await press(page, 'Slow back');
    await until('backwards', async () => (await button(page, 'Slow back').getAttribute('aria-pressed')) === 'true');
    await press(page, 'Frame advance');
    await mode(page, 'pause');
  });

  await step('switched off the display is dark, and PLAY switches it on again', async () => {
    await press(page, 'Power');
    await mode(page, 'off');
    await page.locator('.vfd.dark').waitFor();
    await screenshot(page, 'deck-off');
    await press(page, 'Stop');
    await said(page, /^[A-Z].*\.$/);
    await press(page, 'Play');
    await mode(page, 'play');
    await page.getByLabel('Sleep').selectOption('60');
    await press(page, 'Pause');
    await mode(page, 'pause');
  });

  await step('a click on the strip winds there; so does a time that is typed', async () => {
    await clickStrip(page, 0.75);
    await mode(page, 'pause');
    await until('three quarters along', async () => Math.abs((await place(page)) - 18) <= 1);
    await page.keyboard.press('g');
    await page.keyboard.type('0:06');
    await page.keyboard.press('Enter');
    await until('at six seconds', async () => (await words(page)) === 'pause' && Math.abs((await place(page)) - 6) <= 1);
    await page.keyboard.press('g');
    await page.keyboard.type('soon');
    await page.keyboard.press('Enter');
    await said(page, /Write the time as/);
    await page.keyboard.press('Escape');
  });

  await step('index marks: one written, found again by the key, named, jumped to from the list, erased', async () => {
    await atHeads(page);
    await press(page, 'Mark index');
    const tape = await panel(page, 'This tape');
    const at = (what) => page.getByRole('button', { name: new RegExp(`^${what} at 0:00:0[56]$`) });
    await at('Name Mark').click();
    await page.getByLabel('Name of the mark').fill('Six');
    await page.keyboard.press('Enter');
    await at('Go to Six').waitFor();
    assert.equal(await page.locator('.strip .mark').count(), await tape.locator('.time').count());
    await clickStrip(page, 0.75);
    await until('away from it', async () => (await words(page)) === 'pause' && (await place(page)) > 16);
    await press(page, 'Previous index');
    await until('played from the mark', async () => (await words(page)) === 'play' && Math.abs((await place(page)) - 6) <= 3);
    await screenshot(page, 'deck-index');
    await press(page, 'Pause');
    await mode(page, 'pause');
    await at('Go to Six').click();
    await until('at the mark', async () => (await words(page)) === 'pause' && Math.abs((await place(page)) - 6) <= 1);
    await at('Erase Six').click();
    await until('erased', async () => (await at('Go to Six').count()) === 0);
  });

  await step('memory rewind: the tape stops where the counter was set to nought', async () => {
    await press(page, 'Counter reset');
    await press(page, 'Memory');
    await lit(page, 'MEMORY');
    await press(page, 'Play');
    await mode(page, 'play');
    await until('some seconds later', async () => /0:00:0[3-9]$/.test(await counter(page)));
    await press(page, 'Stop');
    await mode(page, 'stop');
    await press(page, 'Rewind');
    await until('it stopped at nought', async () => (await words(page)) === 'stop' && /0:00:00$/.test(await counter(page)));
    assert.ok((await place(page)) >= 5);
    assert.match(await page.locator('.also').innerText(), /memory/i);
    await press(page, 'Memory');
  });

  await step('a second deck in a second page, and each page can have the other', async () => {
    [second] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'A second page' }).click()]);
    await second.getByRole('heading', { name: 'Shelf' }).waitFor();
    await press(second, 'Insert Colour bars');
    await mode(second, 'stop');
    await press(second, 'Play');
    await mode(second, 'play');
    await panel(page, 'Decks');
    await button(page, 'Bring here Colour bars').waitFor();
    await press(page, 'Bring here Colour bars');
    await until('it is here', async () => (await page.locator('.doorlabel').innerText()) === 'Colour bars');
    await press(page, 'Bring here Countdown leader');
    await until('and back', async () => (await page.locator('.doorlabel').innerText()) === 'Countdown leader');
    await screenshot(page, 'deck-two');
  });

  const spans = async () => {
    const list = await (await panel(page, 'This tape')).locator('.stretches li').allInnerTexts();
    return list.join('\n');
  };

  let after; // what is on the tape, once the recording is taken back
  await step('a stretch is recorded over from the other deck, whose picture one sees meanwhile', async () => {
    await page.keyboard.press('g');
    await page.keyboard.type('0:08');
    await page.keyboard.press('Enter');
    await until('at eight seconds', async () => (await words(page)) === 'pause' && Math.abs((await place(page)) - 8) <= 1);
    const before = await spans();
    await press(page, 'Record');
    await page.getByRole('radio', { name: /Colour bars/ }).check();
    await accessible(page, 'record');
    await screenshot(page, 'deck-record-dialog');
    await second.keyboard.press('g'); // the other tape from its start: it has 24 s
    await second.keyboard.type('0:00');
    await second.keyboard.press('Enter');
    await mode(second, 'pause');
    await press(second, 'Play');
    await mode(second, 'play');
    await press(page, 'Start recording');
    await mode(page, 'record');
    await lit(page, 'REC');
    await lit(page, 'INPUT');
    await until('the colours of the other tape', async () => coloured(await picture(page)) > 0.5);
    await until('four seconds are recorded', async () => (await place(page)) >= 12);
    await screenshot(page, 'deck-record');
    await press(page, 'Pause');
    await mode(page, 'rec pause');
    await screenshot(page, 'deck-record-pause');
    await press(page, 'Stop');
    await mode(page, 'stop');
    await until('it is on the tape', async () => /recording \d+/.test(await spans()));
    assert.equal((await spans()).split('\n').length, 3, await spans());
    await until('one can take it back', () => button(page, 'Undo this recording').count());
    after = before;
  });

  await step('what was recorded plays there', async () => {
    await page.keyboard.press('g');
    await page.keyboard.type('0:09');
    await page.keyboard.press('Enter');
    await until('at nine seconds', async () => (await words(page)) === 'pause' && Math.abs((await place(page)) - 9) <= 1);
    await atHeads(page);
    await until('the colours of the other tape', async () => coloured(await picture(page)) > BARS_MIN);
    await screenshot(page, 'deck-recorded');
    await press(page, 'Stop');
    await mode(page, 'stop');
  });

  await step('the recording is taken back', async () => {
    await screenshot(page, 'deck-undo');
    await press(page, 'Undo this recording');
    await said(page, /taken back/);
    await until('as it was', async () => (await spans()) === after);
  });

  await step('ejected and put in again, the tape is where it was, and the counter begins anew', async () => {
    const at = await place(page);
    assert.ok(at > 3, String(at));
    await page.route('**/command', async (route) => { // the answer comes late: after the event of what followed it
      const response = await route.fetch();
      await mode(page, 'no tape');
      await route.fulfill({ response });
    });
    const answered = page.waitForResponse((r) => r.url().endsWith('/command'));
    await press(page, 'Eject');
    await (await answered).finished();
    await page.unroute('**/command');
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    assert.equal(await words(page), 'no tape');
    await screenshot(page, 'deck-ejected');
    await press(page, 'Insert Countdown leader');
    await mode(page, 'stop');
    assert.ok(Math.abs((await place(page)) - at) <= 1);
    assert.match(await counter(page), /0:00:00$/);
  });

  await step('a blank tape is made, shows that it is blank; with its tab broken out it is refused and comes out', async () => {
    await page.locator('.blanktape summary').click();
    await page.getByLabel('Title').fill('Evening');
    await press(page, 'Put on the shelf');
    await press(page, 'Break out the record tab of Evening');
    await press(page, 'Insert Evening');
    await until('it is in', async () => (await page.locator('.doorlabel').innerText().catch(() => '')) === 'Evening' && (await words(page)) === 'stop');
    await lit(page, 'TAB');
    await lit(page, 'BLANK');
    await press(page, 'Record');
    await page.getByText('The record tab of this tape is broken out').waitFor();
    await press(page, 'Start recording');
    await said(page, /tab|protect/i);
    await screenshot(page, 'deck-tab');
    await mode(page, 'no tape'); // it came out, as from a machine of those years
    await press(page, 'Insert Countdown leader');
    await mode(page, 'stop');
  });

  await step('narrow: the flap, the panels and the question about the recording fit; all of it has names', async () => {
    for (const [width, height] of [[360, 740], [1280, 720], [1920, 1080]]) {
      await page.setViewportSize({ width, height });
      await panel(page, 'Decks');
      await panel(page, 'This tape');
      await press(page, 'Record');
      await page.locator('dialog').waitFor();
      assert.deepEqual(await misfits(page), [], `${width}x${height}`);
      await screenshot(page, `deck-dialog-${width}`);
      await press(page, 'Cancel');
      await screenshot(page, `deck-width-${width}`, { fullPage: width < 900 });
    }
    await page.setViewportSize({ width: 360, height: 740 });
    await accessible(page, 'narrow');
    await page.setViewportSize({ width: 1440, height: 1000 });
    await accessible(page, 'wide');
  });

  await step('the remote control: asked for, handed over, taken back; who has not got it is told', async () => {
    const guest = await browser(t);
    await signUp(guest, server, 'bob@example.org');
    await panel(guest, 'Decks');
    await guest.getByText('How a new deck starts').click();
    await guest.getByLabel('Machine').selectOption('classic');
    await guest.getByLabel('Winding').selectOption('real');
    await press(guest, 'An empty deck here');
    await guest.locator('.vfd:not(.dark)').waitFor();
    const [made] = await guest.evaluate(async () => (await (await fetch('/api/v1/sessions')).json()).items);
    assert.deepEqual([made.settings.deck, made.settings.winding], ['classic', 'real']);
    await panel(page, 'Decks');
    await press(page, 'Bring here Empty deck');
    await page.getByRole('heading', { name: 'People at this deck' }).waitFor();
    await press(page, 'Memory');
    await said(page, /remote/i);
    await press(page, 'Ask for the remote control');
    await said(guest, /ada.* asks for the remote control/i);
    await button(guest, 'Hand the remote control to ada').scrollIntoViewIfNeeded();
    await screenshot(guest, 'deck-people');
    await press(guest, 'Hand the remote control to ada');
    await said(page, /You hold the remote control now/);
    await press(page, 'Memory');
    await lit(page, 'MEMORY');
    await press(guest, 'Memory');
    await said(guest, /remote/i);
    await press(guest, 'Take the remote control back');
    await said(page, /Somebody else holds the remote control/);
  });

  await step('a deck is switched off; the page says so; nothing else went wrong', async () => {
    await panel(second, 'Decks');
    await press(second, 'Switch off Colour bars');
    await said(second, /session has ended/);
    const known = /\b(401|404|409|422)\b/;
    for (const p of [page, second]) assert.deepEqual((p.errors ?? []).filter((e) => !known.test(e)), []);
  });
});
