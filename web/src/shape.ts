// shape.ts - the shape of the picture on the screen. WebRTC carries no aspect: the session says that of tape pictures; a clean film of another size has its own.
import { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, Deck, Session, Tape } from './api';

export interface Shape { w: number; h: number }
const TUBE: Shape = { w: 4, h: 3 };
const TAPE_WIDTH = 720;
const TAPE_HEIGHTS = [480, 576];

const parse = (text: string | undefined): Shape | null => {
  const found = /^(\d+):(\d+)$/.exec(text ?? '');
  return found && Number(found[1]) > 0 && Number(found[2]) > 0 ? { w: Number(found[1]), h: Number(found[2]) } : null;
};

/** film: the video element plays HLS and knows the shape itself. */
export function useShape(session: Session | null, deck: Deck | null, video: RefObject<HTMLVideoElement>, film: boolean): Shape {
  const [size, setSize] = useState<Shape | null>(null);
  const [sent, setSent] = useState<Shape | null>(null);
  const [own, setOwn] = useState<Shape | null>(null);
  const id = session?.id;
  const tape = deck?.tape_in?.tape_id;
  const look = JSON.stringify(deck?.look);

  useEffect(() => {
    const v = video.current!;
    const changed = () => setSize(v.videoWidth && v.videoHeight ? { w: v.videoWidth, h: v.videoHeight } : null);
    v.addEventListener('resize', changed);
    return () => v.removeEventListener('resize', changed);
  }, []);
  useEffect(() => {
    let current = true;
    if (id) call<Session>('GET', `/sessions/${id}`).then((s) => current && setSent(parse(s.display_aspect)), () => {});
    return () => { current = false; };
  }, [id, tape, look]);
  useEffect(() => {
    let current = true;
    setOwn(null);
    if (tape) call<Tape>('GET', `/tapes/${tape}`).then((t) => current && setOwn(parse(t.media?.video?.display_aspect)), () => {});
    return () => { current = false; };
  }, [tape]);

  if (film) return size ?? TUBE;
  const raster = !size || (size.w === TAPE_WIDTH && TAPE_HEIGHTS.includes(size.h));
  return (raster ? sent : own ?? size) ?? TUBE;
}
