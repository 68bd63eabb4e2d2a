/** The whole map as a picture of its own, whatever part of it is on screen. */

import { fitTo, NO_INSETS } from './camera';
import { context2d } from './canvas';
import { Painter, type Picture } from './painter';

/** Device px per CSS px: sharp on paper and on dense screens. */
const DPR = 2;
/** Longest side of a picture, in CSS px; larger maps are drawn smaller. */
const MOST_SIDE = 4_096;
/** Free space around the content, in CSS px. */
const MARGIN = 24;

/** Paints all nodes of a map; rejects where the browser makes no picture of it. */
export async function still(picture: Omit<Picture, 'camera' | 'dpr' | 'ghosts'>): Promise<Blob> {
  const { bounds } = picture.model;
  const scale = Math.min(1, MOST_SIDE / Math.max(bounds.width, bounds.height, 1));
  const width = Math.ceil(bounds.width * scale + 2 * MARGIN);
  const height = Math.ceil(bounds.height * scale + 2 * MARGIN);
  const canvas = document.createElement('canvas');
  canvas.width = width * DPR;
  canvas.height = height * DPR;
  const camera = fitTo(bounds, { width, height, insets: NO_INSETS }, scale);
  new Painter(picture.theme).paint(context2d(canvas, true), { ...picture, camera, dpr: DPR, ghosts: [] }, [{ x: 0, y: 0, width, height }]);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (!blob) throw new Error('The browser made no picture of the map.');
  return blob;
}
