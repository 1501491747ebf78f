// signin.tsx - the first screen: the first account of an empty server, sign-in, or a new account.
import { useEffect, useState } from 'preact/hooks';
import { PASSWORD_MIN, Problem, ServerInfo, serverInfo, signIn, textOf, User } from './api';

const AGAIN_MS = 2000;

export function SignIn({ onUser }: { onUser: (u: User) => void }) {
  const [server, setServer] = useState<ServerInfo | null>(null);
  const [creating, setCreating] = useState(false);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    let timer = 0;
    const ask = () => serverInfo().then((s) => { setServer(s); setCreating(s.first_run); setError(''); }, (e) => {
      setError(textOf(e));
      if (e instanceof Problem && e.away) timer = window.setTimeout(ask, AGAIN_MS);
    });
    void ask();
    return () => clearTimeout(timer);
  }, []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    setBusy(true);
    setError('');
    try {
      onUser(await signIn(creating ? 'register' : 'login', String(form.get('email')), String(form.get('password'))));
    } catch (e) {
      setError(textOf(e));
      setBusy(false);
    }
  };

  const first = server?.first_run ?? false;
  return (
    <main class="signin">
      <form onSubmit={submit} aria-labelledby="signin-title">
        <p class="brand" aria-hidden="true">vcr<span>·</span>online</p>
        <h1 id="signin-title">{first ? 'Make the first account' : creating ? 'Create an account' : 'Sign in'}</h1>
        {first && <p>This server is new. The first account is its administrator.</p>}
        <label>E-mail<input name="email" type="email" autocomplete="username" required maxLength={255} /></label>
        <label>Password
          <input name="password" type="password" autocomplete={creating ? 'new-password' : 'current-password'} required
            minLength={creating ? PASSWORD_MIN : 1} maxLength={1024} aria-describedby={creating ? 'password-hint' : undefined} />
        </label>
        {creating && <p class="hint" id="password-hint">At least {PASSWORD_MIN} characters.</p>}
        {error && <p class="error" role="alert">{error}</p>}
        <button class="primary" disabled={busy || !server}>{creating ? 'Create account' : 'Sign in'}</button>
        {server && !first && server.registration === 'open' && (
          <button type="button" class="link" onClick={() => { setCreating(!creating); setError(''); }}>
            {creating ? 'I have an account' : 'Create an account'}
          </button>
        )}
      </form>
    </main>
  );
}
