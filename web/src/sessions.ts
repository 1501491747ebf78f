// sessions.ts - the decks that run on the server, and with what settings a new one starts.
import { call, Session } from './api';

export const DECKS = { consumer: 'Family recorder', classic: 'Classic, slow mechanism', full_load: 'Full load, quick mechanism', broadcast: 'Broadcast machine' };
export interface Settings {
  deck: keyof typeof DECKS; winding: 'fast' | 'real'; blank_picture: 'blue' | 'snow'; auto_rewind: boolean; auto_eject: boolean; autoplay: boolean; look: 'vhs' | 'clean';
}

const SETTINGS_KEY = 'vcr.settings';
const USUAL: Settings = { deck: 'consumer', winding: 'fast', blank_picture: 'blue', auto_rewind: true, auto_eject: false, autoplay: false, look: 'vhs' };
const LISTED = 50;

export function settings(): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(SETTINGS_KEY) ?? '{}');
    return { ...USUAL, ...Object.fromEntries(Object.entries(kept).filter(([name, value]) => name in USUAL && typeof value === typeof USUAL[name as keyof Settings])) };
  } catch {
    return USUAL;
  }
}
export const keepSettings = (s: Settings) => localStorage.setItem(SETTINGS_KEY, JSON.stringify(s));

/** A new deck with this tape, or without one, as the settings say; what is as usual is left to the server. */
export function startSession(tapeId: number | null, more: object = {}): Promise<Session> {
  const { look, ...rest } = settings();
  const own = Object.fromEntries(Object.entries(rest).filter(([name, value]) => value !== USUAL[name as keyof Settings]));
  return call<Session>('POST', '/sessions', { type: 'emulation', ...(tapeId ? { tape_id: tapeId } : {}), ...(look !== USUAL.look ? { look } : {}),
    ...(Object.keys(own).length ? { settings: own } : {}), ...more });
}

export const runs = (s: Session) => s.status === 'active' || s.status === 'starting';
export const runningSessions = async () => (await call<{ items: Session[] }>('GET', `/sessions?limit=${LISTED}`)).items.filter(runs);

/** What a deck is called: by its tape. */
export const sessionName = (s: Session) => s.type === 'streaming' ? `Device ${s.device_id ?? ''}`.trim() : s.deck?.tape_in?.title ?? 'Empty deck';
