// page.test.mjs - the page under a person's hands: form, drop, keys by mouse and keyboard, narrow and wide windows, a server that goes and comes back, a network
// without UDP and without TCP to the port of the pictures. What the machine itself does is the matter of day.test.mjs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { browser, clip, picture, root, screenshot, Server, until } from './lib.mjs';

const axeSource = readFileSync(createRequire(path.join(root, 'web/package.json')).resolve('axe-core/axe.min.js'), 'utf8');
const PASSWORD = 'eight ch';
const LONG_PRESS_MS = 400;

const button = (page, name) => page.getByRole('button', { name, exact: true });
const press = (page, name) => button(page, name).click();
const words = async (page) => (await page.locator('.vfd .mode').innerText()).toLowerCase();
const mode = (page, wanted) => until(`mode ${wanted}`, async () => (await words(page)) === wanted);
const cassette = (page, title) => page.locator('.cassette', { has: page.getByRole('heading', { name: title, exact: true }) });
const ready = (page, title) => until(`${title} ready`, () => cassette(page, title).evaluate((e) => e.classList.contains('ready')), 240000);
const pictures = async (page, more = 20) => {
  const { frames = 0 } = await picture(page);
  await until('pictures arrive', async () => (await picture(page)).frames > (frames ?? 0) + more);
};
const paused = (ms) => new Promise((done) => setTimeout(done, ms));

/** Kills the server and starts it again at the same address. */
async function restart(server, meanwhile = () => {}) {
  server.env.VCR_LISTEN = new URL(server.url).host;
  await server.kill('SIGKILL');
  await meanwhile();
  await server.run();
}

/** What does not fit: the page wider than its window, or words wider than their key. */
const misfits = (page) => page.evaluate(() => [
  ...(document.documentElement.scrollWidth > innerWidth ? [`page ${document.documentElement.scrollWidth} > ${innerWidth}`] : []),
  ...[...document.querySelectorAll('button, .vfd, .vfd .mode, .plate .maker, .lamps')].filter((e) => e.scrollWidth > e.clientWidth + 1)
    .map((e) => `${e.className || e.textContent} ${e.scrollWidth} > ${e.clientWidth}`),
  ...[...document.querySelectorAll('body *')].filter((e) => { const r = e.getBoundingClientRect(); return r.width > 1 && r.right > innerWidth + 1 && !e.closest('svg'); })
    .map((e) => `${e.tagName}.${e.className} ends at ${e.getBoundingClientRect().right}`),
]);

async function accessible(page, where) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(found.violations.map((v) => `${where}: ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`), []);
}

/** Drops a file on the page as a file manager does. */
async function drop(page, name, bytes) {
  const data = await page.evaluateHandle(([fileName, base64]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], fileName, { type: 'video/mp4' }));
    return transfer;
  }, [name, bytes.toString('base64')]);
  await page.dispatchEvent('body', 'dragover', { dataTransfer: data });
  await page.locator('.shelf.over').waitFor();
  await page.dispatchEvent('body', 'drop', { dataTransfer: data });
  await until('the mark is gone', async () => (await page.locator('.shelf.over').count()) === 0);
}

test('the page, by hand', async (t) => {
  const server = await Server.start(t, { VCR_DEMO: 'on', VCR_RATE_LIMITS: 'on' }); // a person's hands never meet a limit
  const page = await browser(t);
  await page.goto(server.url);
  let broken = false; // the steps build on each other
  const step = (name, what) => t.test(name, async () => {
    assert.ok(!broken, 'an earlier step failed');
    broken = true;
    await what();
    broken = false;
  });

  await step('sign-up asks for the password that the server asks for, and can be done by keyboard', async () => {
    await page.getByRole('heading', { name: 'Make the first account' }).waitFor();
    await accessible(page, 'sign-in');
    await screenshot(page, 'sign-in');
    await page.getByLabel('E-mail').fill('ada@example.org');
    await page.getByLabel('Password').fill(PASSWORD.slice(1));
    await press(page, 'Create account');
    assert.equal(await page.getByLabel('Password').evaluate((e) => e.validity.tooShort || !e.checkValidity()), true);
    await page.getByLabel('Password').fill('');
    await page.getByLabel('Password').pressSequentially(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Shelf' }).waitFor();
  });

  await step('processing can be cancelled', async () => { // now, while it lasts
    for (const title of ['Countdown leader', 'Moving scene', 'Interlaced scene']) {
      await press(page, `Cancel processing ${title}`);
      await cassette(page, title).getByText('Processing was cancelled.').waitFor();
    }
  });

  await step('a film dropped on the page becomes a tape', async () => {
    await drop(page, 'Grandma 1992.mp4', readFileSync(clip('movie-hello.mp4')));
    await cassette(page, 'Grandma 1992').waitFor();
    await drop(page, 'letter.txt', Buffer.from('Dear aunt, '.repeat(500)));
    await cassette(page, 'letter').waitFor();
    const asked = [];
    page.on('request', (r) => asked.push(new URL(r.url()).pathname));
    await until('the shelf was read again', () => asked.filter((p) => p === '/api/v1/tapes').length >= 3);
    assert.ok(asked.filter((p) => p === '/api/v1/jobs').length <= 4, 'one question about all jobs, not one for each tape: ' + asked);
  });

  await step('an upload shows how far it is, asks before one leaves, can be tried again when the line broke, and cancelled', async () => {
    const line = await page.context().newCDPSession(page);
    const speed = (uploadThroughput) => line.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
    const sent = () => until('some of it is sent', async () => (await bar.evaluate((e) => e.value)) > 0);
    await speed(100_000); // 84 s: it is not over before the line breaks
    await page.getByLabel('Add tapes').setInputFiles({ name: 'long.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(8 << 20, 'film') });
    const bar = page.getByRole('progressbar', { name: 'Uploading long.mp4' });
    await sent();
    assert.match(await page.locator('.upload .sent').innerText(), /^[\d.]+ [kM]B of 8\.4 MB$/);
    const asked = page.waitForEvent('dialog');
    void page.reload().catch(() => {});
    const dialog = await asked;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.dismiss();
    await screenshot(page, 'uploading');
    await restart(server, async () => { // away until the page says it: Chromium itself sends anew what broke on a connection that had been used before
      await speed(-1); // and finds that it broke only when what it holds back is over
      await page.getByRole('alert').getByText('The connection broke during the upload.').waitFor();
    });
    await speed(100_000);
    await press(page, 'Try long.mp4 again');
    await sent();
    await press(page, 'Cancel long.mp4');
    await until('it is gone', async () => (await page.locator('.upload').count()) === 0 && (await cassette(page, 'long').count()) === 0);
    await speed(-1);
    await line.detach();
  });

  await step('a demo tape goes in and plays by the mouse', async () => {
    await ready(page, 'Colour bars');
    await press(page, 'Insert Colour bars');
    await mode(page, 'stop');
    await press(page, 'Play');
    await mode(page, 'play');
    await pictures(page);
    await page.locator('.lamps .lit', { hasText: 'SERVO' }).waitFor();
    await until('nothing more to say', async () => (await page.locator('.cover').innerText()) === '');
    await screenshot(page, 'deck-playing');
    await accessible(page, 'playing');
  });

  const sent = []; // commands of the page
  page.on('request', (r) => { if (r.url().endsWith('/command')) sent.push(r.postDataJSON()); });
  const commands = (wanted) => until(JSON.stringify(wanted), () => JSON.stringify(sent) === JSON.stringify(wanted)).finally(() => sent.splice(0));

  /** The tape has 24 s: what plays it and searches in it begins at its start. */
  const fromStart = async () => {
    await page.keyboard.press('g');
    await page.keyboard.type('0:00');
    await page.keyboard.press('Enter');
    await mode(page, 'pause');
    await press(page, 'Play');
    await mode(page, 'play');
    sent.splice(0);
  };

  await step('fast forward held down searches until let go; tapped, rewind goes on until PLAY', async () => {
    await fromStart();
    await button(page, 'Fast forward').hover();
    await page.mouse.down();
    await mode(page, 'cue');
    await paused(LONG_PRESS_MS);
    await page.mouse.up();
    await commands([{ command: 'cue', hold: true }, { command: 'release' }]);
    await mode(page, 'play');
    await button(page, 'Rewind').hover();
    await page.evaluate(() => addEventListener('pointerdown', () => { for (const end = performance.now() + 600; performance.now() < end;); }, { once: true }));
    await Promise.all([page.mouse.down(), page.mouse.up()]); // a short press, also where a busy page hears of its end late
    await commands([{ command: 'review', hold: true }, { command: 'review' }]);
    await press(page, 'Play');
    await mode(page, 'play');
    sent.splice(0);
  });

  await step('the keyboard does it all: held arrows, letters, and keys reached with Tab', async () => {
    await fromStart();
    await page.keyboard.down('ArrowRight');
    await mode(page, 'cue');
    await paused(LONG_PRESS_MS);
    await page.keyboard.up('ArrowRight');
    await commands([{ command: 'cue', hold: true }, { command: 'release' }]);
    await mode(page, 'play');
    await page.keyboard.press('Space');
    await mode(page, 'pause');
    await page.keyboard.press('.');
    await page.keyboard.press('Space');
    await mode(page, 'play');
    await page.keyboard.press('S');
    await mode(page, 'stop');
    await button(page, 'Rewind').focus();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Play');
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none');
    await page.keyboard.press('Enter');
    await mode(page, 'play');
    await page.getByLabel('Search the shelf').pressSequentially('zebra p s e');
    await mode(page, 'play'); // letters typed into a field are no keys of the deck
    await page.getByText('No tape matches').waitFor();
    await page.getByLabel('Search the shelf').fill('');
  });

  await step('narrow and wide windows: nothing sticks out, words fit their keys', async () => {
    for (const [width, height] of [[360, 740], [820, 1100], [1280, 720], [1920, 1080]]) {
      await page.setViewportSize({ width, height });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      assert.deepEqual(await misfits(page), [], `${width}x${height}`);
      await screenshot(page, `width-${width}`, { fullPage: width < 900 });
    }
    await page.setViewportSize({ width: 360, height: 740 });
    await accessible(page, 'narrow');
    await page.setViewportSize({ width: 1440, height: 1000 });
  });

  await step('what is no film says why on the shelf, and offers to try again', async () => {
    await button(page, 'Retry letter').waitFor({ timeout: 60000 });
    assert.match(await cassette(page, 'letter').locator('.error').innerText(), /^[A-Z].* .*\.$/);
    await press(page, 'Delete letter');
    await page.getByText('“letter” is in the bin.').waitFor();
    await until('deleted', async () => (await cassette(page, 'letter').count()) === 0);
  });

  await step('a line that falls silent is given up and offered anew', async () => {
    await page.evaluate(() => window.vcrStream.peer.close());
    await page.getByText('No picture arrives. Waiting for it…').waitFor();
    await pictures(page);
    await until('nothing more to say', async () => (await page.locator('.cover').innerText()) === '');
  });

  await step('a server that was restarted: the page says so, and the picture comes back by itself', async () => {
    await press(page, 'Stop'); // from the start, lest the tape end meanwhile
    await mode(page, 'stop');
    await press(page, 'Rewind');
    await until('at the start', async () => (await page.getByRole('timer').innerText()).endsWith('0:00:00'));
    await mode(page, 'stop');
    await press(page, 'Play');
    await mode(page, 'play');
    await restart(server, async () => {
      await page.getByText('The server does not answer. Trying again…').waitFor();
      await screenshot(page, 'away');
    });
    await page.getByText('The server was restarted. The tape is in the deck again.').waitFor();
    await mode(page, 'play');
    await pictures(page);
    await until('nothing more to say', async () => (await page.locator('.cover').innerText()) === '');
  });

  let narrow;
  await step('a wrong password is refused in a sentence, the right one lets in; this browser has no UDP, and finds no TCP for pictures', async () => {
    narrow = await browser(t, { args: ['--webrtc-ip-handling-policy=disable_non_proxied_udp'] });
    await narrow.addInitScript(() => {
      const set = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function (d) { return set.call(this, { type: d.type, sdp: d.sdp.replace(/a=candidate:\d+ 1 tcp .*\r\n/g, '') }); };
    });
    await narrow.goto(server.url);
    await narrow.getByLabel('E-mail').fill('ada@example.org');
    await narrow.getByLabel('Password').fill('not this one');
    await press(narrow, 'Sign in');
    await until('a sentence', async () => /^[A-Z].* .*\.$/.test(await narrow.getByRole('alert').innerText()));
    await narrow.getByLabel('Password').fill(PASSWORD);
    await press(narrow, 'Sign in');
    await press(narrow, 'Insert Colour bars');
    await mode(narrow, 'stop');
  });

  await step('another tape: the first comes out, the next goes in; a wide film is wide when it is clean', async () => {
    const ratio = (wanted) => until(`a picture of ${wanted}`, () => page.evaluate((r) => {
      const box = document.querySelector('video').getBoundingClientRect();
      return Math.abs(box.width / box.height - r) < 0.01;
    }, wanted));
    await press(page, 'Insert Grandma 1992');
    await until('it is in', async () => (await page.locator('.doorlabel').innerText().catch(() => '')) === 'Grandma 1992');
    const next = await until('it is threaded', async () => (await words(page)) !== 'loading' && words(page));
    assert.equal(next, 'stop'); // what was playing when the server went is no reason for this one to
    await ratio(4 / 3);
    await press(page, 'Tape picture');
    await ratio(16 / 9);
  });

  for (const locks of [true, false]) {
    await step(`several tabs renew a token that ran out and stay signed in, ${locks ? 'with locks' : 'and where the browser has no locks (plain HTTP), too'}`, async () => {
      const context = page.context();
      const tabs = [page, await context.newPage(), await context.newPage()];
      if (!locks) await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
      await page.goto(server.url + '/healthz'); // where no script renews anything
      await context.clearCookies({ name: 'vcr_access' });
      await page.evaluate(() => localStorage.setItem('vcr.refreshed', '0'));
      const all = (what) => Promise.all(tabs.map(what));
      await all(async (tab) => { // a token used twice would have ended the log-in of all
        await tab.goto(server.url);
        await tab.getByRole('heading', { name: 'Shelf' }).waitFor();
        await cassette(tab, 'Colour bars').waitFor();
      });
      await context.clearCookies({ name: 'vcr_access' });
      await all((tab) => tab.reload());
      await all((tab) => cassette(tab, 'Colour bars').waitFor());
      await tabs[1].close();
      await tabs[2].close();
    });
  }

  await step('where neither UDP nor TCP passes, the tape comes as HLS and follows the deck', async () => {
    await press(narrow, 'Play');
    await narrow.getByText('Live pictures do not get through this network').waitFor();
    const at = () => narrow.evaluate(() => document.querySelector('video').currentTime);
    const start = await at();
    await until('the film runs', async () => (await at()) > start + 1);
    await screenshot(narrow, 'film');
    await accessible(narrow, 'film');
    await press(narrow, 'Pause');
    await until('it stands still', () => narrow.evaluate(() => document.querySelector('video').paused));
  });

  await step('the page met no error of its own and said none that is no sentence', async () => {
    assert.doesNotMatch(server.log, /"http.response.status_code":429/);
    const known = /\b(401|404|409|422)\b|ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY/;
    assert.deepEqual(page.errors.filter((e) => !known.test(e)), []);
    assert.doesNotMatch(await page.locator('body').innerText(), /\[object|undefined|NaN/);
  });
});
