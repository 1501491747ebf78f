// api.ts - the HTTP API as this page uses it: cookies with a CSRF token, problem bodies as errors, the access token renewed without anybody noticing.

export interface User { id: number; email: string; role: string; display_name: string }
export interface Tape {
  id: number; title: string; description: string; recorded_at: string | null; status: string; duration: number | null;
  position: number; write_protected: boolean; format: string; standard: string | null; length_minutes: number | null;
  media: { video: { display_aspect: string } | null } | null;
}
export interface Job { id: number; tape_id: number; status: string; progress: number; stage: string; error: string | null; finished_at: string | null }
export interface Deck {
  power: boolean; tape_in: { tape_id: number; title: string; length: number; write_protected: boolean } | null;
  mode: string; speed: number; position: number; counter: string; remaining: number; tape_speed: string; tracking: 'auto' | number;
  look: string | { profile: string }; servo: string; picture: string; sound: string; memory: boolean; repeat: boolean; osd: string[];
  flags: Record<string, boolean>; pending: string | null; stop_reason: string | null; command_seq: number;
}
/** Who watches, as the owner sees it. */
export interface Viewer { peer_id: string; user: { id: number; name: string } | null; requested: boolean; holds_remote: boolean; connected: boolean }
export interface Remote { user_id: number | null; peer_id: string | null }
export interface Session {
  id: string; user_id: number; tape_id: number | null; device_id: number | null; type: string; status: string; deck: Deck | null; display_aspect: string;
  viewers?: Viewer[]; remote?: Remote | null;
}
export interface ServerInfo { version: string; first_run: boolean; registration: string; limits: { max_upload_bytes: number; quota_bytes: number | null } }

export const PASSWORD_MIN = 8; // the server's own

export class Problem extends Error {
  constructor(readonly status: number, readonly type: string, detail: string, readonly deck: Deck | null) { super(detail); }
  /** The server is not there, not able, or has had enough for the moment: worth another try later. */
  get away() { return this.status === 0 || this.status === 429 || this.status >= 500; }
}

const CSRF_KEY = 'vcr.csrf';
const FRESH_KEY = 'vcr.refreshed';
const CLAIM_KEY = 'vcr.refreshing';
const CLAIM_MS = 5000;
const SETTLE_MS = 100;
const RENEW_MS = 10 * 60_000; // access tokens live for a quarter of an hour
const STALLED_MS = 60_000;
let refreshing: Promise<Renewal> | null = null;
let onSignedOut: () => void = () => {};
type Renewal = 'renewed' | 'refused' | 'away';

export const whenSignedOut = (f: () => void) => { onSignedOut = f; };

// Tabs share the cookies, so they share the token that belongs to them, too.
export const csrfToken = () => localStorage.getItem(CSRF_KEY) ?? '';
const freshAt = () => Number(localStorage.getItem(FRESH_KEY) ?? 0);
function keepCsrf(token: string) {
  localStorage.setItem(CSRF_KEY, token);
  localStorage.setItem(FRESH_KEY, String(Date.now()));
}

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** One tab at a time. Only in a secure context has the browser locks; at http://192.168.… a claim that all tabs see stands for one. */
async function alone(work: () => Promise<Renewal>): Promise<Renewal> {
  if (navigator.locks) return navigator.locks.request('vcr.refresh', work);
  for (let mine = ''; !mine || localStorage.getItem(CLAIM_KEY) !== mine;) {
    if (Date.now() - parseInt(localStorage.getItem(CLAIM_KEY) ?? '0') < CLAIM_MS) {
      await sleep(2 * SETTLE_MS);
      continue;
    }
    mine = `${Date.now()} ${Math.random()}`;
    localStorage.setItem(CLAIM_KEY, mine);
    await sleep(SETTLE_MS); // whoever wrote at the same time has written by then: the last one has it
  }
  return work().finally(() => localStorage.removeItem(CLAIM_KEY));
}

async function renewNow(expired: boolean): Promise<Renewal> {
  if (!csrfToken()) return 'refused'; // nobody has signed in here
  try {
    // Another tab may have renewed while this one waited its turn. What it wrote down may not be seen here yet, but its cookies are at once.
    if (expired ? (await fetch('/api/v1/users/me')).ok : Date.now() - freshAt() < RENEW_MS) return 'renewed';
    // keepalive: leaving the page meanwhile must not lose the new token, for the old one is used up.
    const r = await fetch('/api/v1/auth/refresh', { method: 'POST', keepalive: true, headers: { 'X-CSRF-Token': csrfToken() } });
    if (!r.ok) return r.status >= 500 || r.status === 429 ? 'away' : 'refused';
    keepCsrf((await r.json()).csrf_token);
    return 'renewed';
  } catch {
    return 'away';
  }
}

/** expired: the old token was refused; otherwise it is replaced before it is. */
export function refresh(expired = true): Promise<Renewal> {
  refreshing ??= alone(() => renewNow(expired)).finally(() => { refreshing = null; });
  return refreshing;
}

// Pictures, films and event streams cannot renew by themselves: their requests must find a token that still lives.
setInterval(() => {
  if (Date.now() - freshAt() > RENEW_MS && csrfToken()) void refresh(false);
}, 30_000);

const sentence = (text: string) => {
  const t = text.trim();
  return t.charAt(0).toUpperCase() + t.slice(1) + (/[.!?…]$/.test(t) ? '' : '.');
};

// What is wrong with a field is said of it ("must be a string"): then the field's name goes before it.
const ofField = (e: { pointer?: unknown; detail?: unknown } | undefined) =>
  typeof e?.detail === 'string' && /^(must|is|has|may|cannot|names)\b/.test(e.detail) && typeof e.pointer === 'string'
    ? `${e.pointer.replace(/^.*\//, '').replace(/_/g, ' ')} ${e.detail}` : e?.detail;

export async function problemOf(response: Response): Promise<Problem> {
  const body = await response.json().catch(() => null) ?? {};
  const text = [ofField(body.errors?.[0]), body.detail, body.title].find((t) => typeof t === 'string' && t.trim() !== '');
  return new Problem(response.status, String(body.type ?? ''), sentence(text ?? `The server answered ${response.status}`), body.deck ?? null);
}

/** Whatever was thrown, as a sentence. */
export const textOf = (e: unknown) => e instanceof Error && e.message ? sentence(e.message) : 'Something went wrong.';

const offline = () => new Problem(0, '/offline', 'The server cannot be reached.', null);

export async function call<T>(method: string, path: string, body?: unknown, again = true): Promise<T> {
  const headers: Record<string, string> = {};
  if (method !== 'GET') headers['X-CSRF-Token'] = csrfToken();
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch('/api/v1' + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw offline();
  }
  if (response.status === 401 && again && !path.startsWith('/auth/')) {
    const renewal = await refresh();
    if (renewal === 'renewed') return call(method, path, body, false);
    if (renewal === 'away') throw offline();
  }
  if (response.status === 401 && !path.startsWith('/auth/')) onSignedOut();
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? (undefined as T) : response.json();
}

export async function signIn(kind: 'login' | 'register', email: string, password: string): Promise<User> {
  const body = await call<{ user: User; csrf_token: string }>('POST', `/auth/${kind}`, { email, password });
  keepCsrf(body.csrf_token);
  return body.user;
}

export async function signOut() {
  await call<void>('POST', '/auth/logout');
  localStorage.removeItem(CSRF_KEY);
  localStorage.removeItem(FRESH_KEY);
}

export const me = () => call<User>('GET', '/users/me');
export const serverInfo = () => call<ServerInfo>('GET', '/server');

export async function allTapes(): Promise<Tape[]> {
  const tapes: Tape[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: Tape[]; next_cursor: string | null } =
      await call('GET', '/tapes?limit=200&sort=-created_at' + (cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''));
    tapes.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && tapes.length < 2000);
  return tapes;
}

const JOBS_AT_ONCE = 200;
const jobsOf = async (query: string) => (await call<{ items: Job[] }>('GET', `/jobs?${query}`)).items; // the newest first

/** The latest job of each of these tapes. One request for all of them, and one more each for those whose job is an old one: the shelf asks every second. */
export async function latestJobs(tapes: Tape[], known: Record<number, Job>): Promise<Record<number, Job>> {
  const jobs: Record<number, Job> = {};
  if (!tapes.length) return jobs;
  for (const job of await jobsOf(`limit=${JOBS_AT_ONCE}`)) jobs[job.tape_id] ??= job;
  for (const t of tapes) {
    if (jobs[t.id]) continue;
    const over = t.status === 'failed' && known[t.id]?.finished_at ? known[t.id] : undefined;
    const job = over ?? (await jobsOf(`tape_id=${t.id}&limit=1`))[0];
    if (job) jobs[t.id] = job;
  }
  return jobs;
}

// Sends a file as the tape's original. fetch has no upload progress, so this is XMLHttpRequest.
export async function putMedia(tapeId: number, file: File, onProgress: (sent: number) => void, signal: AbortSignal, again = true): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('PUT', `/api/v1/tapes/${tapeId}/media`);
      request.setRequestHeader('X-CSRF-Token', csrfToken());
      request.setRequestHeader('X-Filename', encodeURIComponent(file.name));
      request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
      // A line that died without a word would hold the upload for a quarter of an hour.
      let stalled = 0;
      const watch = () => {
        clearTimeout(stalled);
        stalled = window.setTimeout(() => { reject(new Problem(0, '/offline', 'Nothing could be sent for a minute: the connection broke.', null)); request.abort(); }, STALLED_MS);
      };
      request.upload.onprogress = (e) => { watch(); onProgress(e.loaded); };
      request.upload.onloadend = request.onloadend = () => clearTimeout(stalled);
      request.onerror = () => reject(new Problem(0, '/offline', 'The connection broke during the upload.', null));
      request.onabort = () => reject(new Problem(0, '/cancelled', 'The upload was cancelled.', null));
      request.onload = async () => request.status < 300 ? resolve()
        : reject(await problemOf(new Response(request.responseText, { status: request.status })));
      signal.addEventListener('abort', () => request.abort());
      request.send(file);
      watch();
    });
  } catch (e) {
    if (!(e instanceof Problem) || e.status !== 401) throw e;
    if (again && await refresh() === 'renewed') return putMedia(tapeId, file, onProgress, signal, false);
    onSignedOut();
    throw e;
  }
}
