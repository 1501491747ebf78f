// blank.tsx - a new blank cassette for the shelf, to record onto.
import { useState } from 'preact/hooks';
import { call, Tape, textOf } from './api';

const LENGTHS = [30, 60, 90, 120, 160, 180, 240];
const USUAL_MINUTES = 120;

export function BlankTape({ onDone, say }: { onDone: () => void; say: (text: string) => void }) {
  const [busy, setBusy] = useState(false);
  const make = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const data = new FormData(form);
    setBusy(true);
    try {
      const title = String(data.get('title')).trim() || 'Blank tape';
      await call<Tape>('POST', '/tapes', { title, length_minutes: Number(data.get('minutes')), tape_speed: String(data.get('speed')) });
      form.reset();
      form.closest('details')!.open = false;
      say(`“${title}” is on the shelf.`);
    } catch (e) {
      say(textOf(e));
    }
    setBusy(false);
    onDone();
  };
  return (
    <details class="blanktape">
      <summary>New blank tape</summary>
      <form onSubmit={(e) => void make(e)}>
        <label>Title<input name="title" maxLength={255} placeholder="Blank tape" dir="auto" /></label>
        <label>Length
          <select name="minutes" defaultValue={USUAL_MINUTES}>{LENGTHS.map((m) => <option key={m} value={m} selected={m === USUAL_MINUTES}>{m} minutes</option>)}</select>
        </label>
        <label>Speed<select name="speed"><option value="sp">SP</option><option value="lp">LP</option><option value="ep">EP</option></select></label>
        <button class="primary" disabled={busy}>Put on the shelf</button>
      </form>
    </details>
  );
}
