/**
 * How the map gets its canvases: in main memory, never on a graphics device.
 *
 * The painter shifts the last picture and copies many small sprites, which needs no device. Where the device
 * is emulated (virtual machines, remote desktops, WebKitGTK without a driver) a canvas on it took 85 ms a
 * frame of panning, one in memory 22 ms; with a real device the upload of a finished picture costs 1 to 2 ms.
 */
export function context2d(canvas: HTMLCanvasElement, opaque: boolean): CanvasRenderingContext2D {
  const ctx = canvas.getContext('2d', { alpha: !opaque, willReadFrequently: true });
  if (!ctx) throw new Error('The browser gives no 2D canvas.');
  return ctx;
}
