// loss.test.mjs - Chromium as a viewer and as a publisher while every twentieth datagram is lost: the sender and the receiver alone (rtc_demo), by the programs beside their unit tests.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { root } from './lib.mjs';

const demo = path.join(path.resolve(process.env.VCR_BUILD ?? path.join(root, 'build-asan')), 'tests/unit/webrtc/rtc_demo');
const SECONDS = 6, LOSS_PER_MILLE = 50;

for (const [name, what] of [['browser', 'a viewer sees and hears it, what was lost sent again'], ['publish', 'a publisher is received whole, what was lost asked for again']]) {
  test(what, () => {
    const run = spawnSync(process.execPath, [path.join(root, 'tests/unit/webrtc', `${name}.mjs`), demo, String(SECONDS), String(LOSS_PER_MILLE)], { encoding: 'utf8', timeout: 120000 });
    assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
    assert.match(run.stdout, /^1\.\.[58]$/m); // it came to its end
    assert.match(run.stdout + run.stderr, /[1-9]\d* datagrams dropped/); // and there was a loss
  });
}
