// key.tsx - the face of one key: its sign, its word, and what it says to those who do not see it.
import { keyLabel } from './keyboard';
import { Sign, SignName } from './signs';

export interface KeyProps { name: string; sign: SignName; on?: boolean; disabled?: boolean; shortcut?: string; extra?: string; label?: string }

export const faceOf = ({ name, sign, on, disabled, shortcut, extra, label }: KeyProps) => ({
  class: `key${on ? ' on' : ''}${extra ? ' ' + extra : ''}`, disabled, 'aria-label': name, 'aria-pressed': on, 'aria-keyshortcuts': shortcut,
  title: shortcut ? `${name} (${keyLabel(shortcut)})` : name,
  children: <><Sign name={sign} /><span class="word" aria-hidden="true">{label ?? name}</span></>,
});

export const Key = ({ onPress, ...face }: KeyProps & { onPress: () => void }) => <button {...faceOf(face)} onClick={onPress} />;
