// api.ts - the HTTP API as this page uses it: cookies with a CSRF token, problem bodies as errors, one refresh when the access token ran out.

export interface User { id: number; email: string; role: string; display_name: string }
export interface Tape {
  id: number; title: string; description: string; recorded_at: string | null; status: string; duration: number | null;
  position: number; write_protected: boolean; format: string; standard: string | null; length_minutes: number | null;
}
export interface Job { id: number; tape_id: number; status: string; progress: number; stage: string; error: string | null }
export interface Deck {
  power: boolean; tape_in: { tape_id: number; title: string; length: number; write_protected: boolean } | null;
  mode: string; speed: number; position: number; counter: string; remaining: number; tape_speed: string; tracking: 'auto' | number;
  look: string | { profile: string }; servo: string; picture: string; sound: string; memory: boolean; repeat: boolean; osd: string[];
  flags: Record<string, boolean>; pending: string | null; stop_reason: string | null; command_seq: number;
}
export interface Session { id: string; tape_id: number | null; status: string; deck: Deck; display_aspect: string }
export interface ServerInfo { version: string; first_run: boolean; registration: string }

export class Problem extends Error {
  constructor(readonly status: number, readonly type: string, detail: string, readonly deck: Deck | null) { super(detail); }
}

const CSRF_KEY = 'vcr.csrf';
let csrf = localStorage.getItem(CSRF_KEY) ?? '';
let refreshing: Promise<boolean> | null = null;
let onSignedOut: () => void = () => {};

export const whenSignedOut = (f: () => void) => { onSignedOut = f; };

function keepCsrf(token: string) {
  csrf = token;
  localStorage.setItem(CSRF_KEY, token);
}

export const csrfToken = () => csrf;

async function refresh(): Promise<boolean> {
  refreshing ??= fetch('/api/v1/auth/refresh', { method: 'POST', headers: { 'X-CSRF-Token': csrf } }).then(async (r) => {
    if (!r.ok) return false;
    keepCsrf((await r.json()).csrf_token);
    return true;
  }).catch(() => false).finally(() => { refreshing = null; });
  return refreshing;
}

export async function problemOf(response: Response): Promise<Problem> {
  const body = await response.json().catch(() => ({}));
  const field = body.errors?.[0]?.detail;
  return new Problem(response.status, String(body.type ?? ''), field ?? body.detail ?? body.title ?? `The server answered ${response.status}.`, body.deck ?? null);
}

export async function call<T>(method: string, path: string, body?: unknown, again = true): Promise<T> {
  const headers: Record<string, string> = {};
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch('/api/v1' + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, '/offline', 'The server cannot be reached.', null);
  }
  if (response.status === 401 && again && !path.startsWith('/auth/')) {
    if (await refresh()) return call(method, path, body, false);
    onSignedOut();
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? (undefined as T) : response.json();
}

export async function signIn(kind: 'login' | 'register', email: string, password: string): Promise<User> {
  const body = await call<{ user: User; csrf_token: string }>('POST', `/auth/${kind}`, { email, password });
  keepCsrf(body.csrf_token);
  return body.user;
}

export const me = () => call<User>('GET', '/users/me');
export const signOut = () => call<void>('POST', '/auth/logout');
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

export const latestJob = async (tapeId: number): Promise<Job | undefined> =>
  (await call<{ items: Job[] }>('GET', `/jobs?tape_id=${tapeId}`)).items.sort((a, b) => b.id - a.id)[0];

// Sends a file as the tape's original. fetch has no upload progress, so this is XMLHttpRequest.
export function putMedia(tapeId: number, file: File, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', `/api/v1/tapes/${tapeId}/media`);
    request.setRequestHeader('X-CSRF-Token', csrf);
    request.setRequestHeader('X-Filename', encodeURIComponent(file.name));
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    request.upload.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total);
    request.onerror = () => reject(new Problem(0, '/offline', 'The connection broke during the upload.', null));
    request.onabort = () => reject(new Problem(0, '/cancelled', 'The upload was cancelled.', null));
    request.onload = async () => request.status < 300 ? resolve()
      : reject(await problemOf(new Response(request.responseText, { status: request.status })));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
