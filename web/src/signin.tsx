// signin.tsx - the first screen: the first account of an empty server, sign-in, or a new account.
import { useEffect, useState } from 'preact/hooks';
import { ServerInfo, serverInfo, signIn, User } from './api';

export function SignIn({ onUser }: { onUser: (u: User) => void }) {
  const [server, setServer] = useState<ServerInfo | null>(null);
  const [creating, setCreating] = useState(false);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    serverInfo().then((s) => { setServer(s); setCreating(s.first_run); }, (e) => setError(e.message));
  }, []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    setBusy(true);
    setError('');
    try {
      onUser(await signIn(creating ? 'register' : 'login', String(form.get('email')), String(form.get('password'))));
    } catch (e) {
      setError((e as Error).message);
      setBusy(false);
    }
  };

  const first = server?.first_run ?? false;
  return (
    <main class="signin">
      <form onSubmit={submit} aria-labelledby="signin-title">
        <p class="brand" aria-hidden="true">vcr<span>·</span>online</p>
        <h1 id="signin-title">{first ? 'Make the first account' : creating ? 'Create an account' : 'Sign in'}</h1>
        {first && <p>This server is new. The first account is its administrator, and finds the demo tapes on its shelf.</p>}
        <label>E-mail<input name="email" type="email" autocomplete="username" required maxLength={255} /></label>
        <label>Password
          <input name="password" type="password" autocomplete={creating ? 'new-password' : 'current-password'} required minLength={creating ? 10 : 1} maxLength={200} />
        </label>
        {creating && <p class="hint">At least 10 characters.</p>}
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
