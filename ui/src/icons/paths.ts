/**
 * Icons in a box of 16: content from 2 to 14, stroke 1.4, round caps and joins, no fill. The few that are
 * solid by nature (status dots, the stop and play of media) say so.
 */

/** Path data; `solid` fills instead of stroking. */
export interface IconPath {
  readonly d: string;
  readonly solid?: true;
}

const stroke = (d: string): IconPath => ({ d });
const solid = (d: string): IconPath => ({ d, solid: true });

const RING = 'M8 2.3A5.7 5.7 0 1 0 8 13.7A5.7 5.7 0 1 0 8 2.3Z';

/** Every icon by its name. */
export const ICONS = {
  activity: stroke('M2 8.4H4.6L6.4 3.6L9.4 12.6L11.2 8.4H14'),
  'arrow-in': stroke('M13.2 8H3M6.8 4.2L3 8L6.8 11.8'),
  'arrow-out': stroke('M2.8 8H13M9.2 4.2L13 8L9.2 11.8'),
  back: stroke('M13.2 8H3M7 4L3 8L7 12'),
  bell: stroke('M8 2.4A3.8 3.8 0 0 0 4.2 6.2C4.2 9.4 2.8 10.4 2.8 11.2H13.2C13.2 10.4 11.8 9.4 11.8 6.2A3.8 3.8 0 0 0 8 2.4ZM6.6 13.6H9.4'),
  book: stroke('M2.4 3.4H7A1 1 0 0 1 8 4.4A1 1 0 0 1 9 3.4H13.6V12.2H9A1 1 0 0 0 8 13A1 1 0 0 0 7 12.2H2.4ZM8 4.4V13'),
  check: stroke('M3 8.4L6.4 11.8L13 4.6'),
  'chevron-down': stroke('M4.2 6.2L8 10L11.8 6.2'),
  'chevron-left': stroke('M9.8 4L5.8 8L9.8 12'),
  'chevron-right': stroke('M6.2 4L10.2 8L6.2 12'),
  'chevron-up': stroke('M4.2 9.8L8 6L11.8 9.8'),
  circle: stroke(RING),
  clock: stroke(`${RING}M8 4.9V8L10.2 9.6`),
  close: stroke('M3.6 3.6L12.4 12.4M12.4 3.6L3.6 12.4'),
  columns: stroke('M3.4 2.8H12.6A1 1 0 0 1 13.6 3.8V12.2A1 1 0 0 1 12.6 13.2H3.4A1 1 0 0 1 2.4 12.2V3.8A1 1 0 0 1 3.4 2.8ZM6.2 2.8V13.2M9.9 2.8V13.2'),
  compare: stroke('M2.6 3.4H6.2V12.6H2.6ZM9.8 3.4H13.4V12.6H9.8ZM8 2V14'),
  copy: stroke('M6.2 5.2H12.4A1 1 0 0 1 13.4 6.2V12.4A1 1 0 0 1 12.4 13.4H6.2A1 1 0 0 1 5.2 12.4V6.2A1 1 0 0 1 6.2 5.2ZM10.8 5.2V3.6A1 1 0 0 0 9.8 2.6H3.6A1 1 0 0 0 2.6 3.6V9.8A1 1 0 0 0 3.6 10.8H5.2'),
  dot: solid('M8 5A3 3 0 1 0 8 11A3 3 0 1 0 8 5Z'),
  download: stroke('M8 2.6V10M4.8 7L8 10.2L11.2 7M2.8 13.2H13.2'),
  edit: stroke('M10.4 3.2L12.8 5.6L5.6 12.8L2.8 13.2L3.2 10.4ZM9 4.6L11.4 7'),
  everything: stroke('M2.8 2.8H6.4V6.4H2.8ZM11.4 2.6A2 2 0 1 0 11.4 6.6A2 2 0 1 0 11.4 2.6ZM4.6 9.4A2 2 0 1 0 4.6 13.4A2 2 0 1 0 4.6 9.4ZM9.6 9.6H13.2V13.2H9.6Z'),
  export: stroke('M8 10V2.6M4.8 5.6L8 2.4L11.2 5.6M3 9.6V12.4A1 1 0 0 0 4 13.4H12A1 1 0 0 0 13 12.4V9.6'),
  external: stroke('M9.4 2.6H13.4V6.6M13.2 2.8L7.4 8.6M11.8 9.4V12.4A1 1 0 0 1 10.8 13.4H3.6A1 1 0 0 1 2.6 12.4V5.2A1 1 0 0 1 3.6 4.2H6.6'),
  filter: stroke('M2.4 3.2H13.6L9.4 8.4V12.8L6.6 11.2V8.4Z'),
  fit: stroke('M2.6 6V3.6A1 1 0 0 1 3.6 2.6H6M10 2.6H12.4A1 1 0 0 1 13.4 3.6V6M13.4 10V12.4A1 1 0 0 1 12.4 13.4H10M6 13.4H3.6A1 1 0 0 1 2.6 12.4V10'),
  gear: stroke('M8 5.6A2.4 2.4 0 1 0 8 10.4A2.4 2.4 0 1 0 8 5.6ZM8 2V3.7M8 12.3V14M2 8H3.7M12.3 8H14M3.8 3.8L5 5M11 11L12.2 12.2M12.2 3.8L11 5M5 11L3.8 12.2'),
  graph: stroke('M3.8 2.4A1.7 1.7 0 1 0 3.8 5.8A1.7 1.7 0 1 0 3.8 2.4ZM12.2 3.6A1.7 1.7 0 1 0 12.2 7A1.7 1.7 0 1 0 12.2 3.6ZM6.4 10.2A1.7 1.7 0 1 0 6.4 13.6A1.7 1.7 0 1 0 6.4 10.2ZM5.5 4.4L10.5 5M4.4 5.7L5.8 10.3M11.2 6.7L7.6 10.7'),
  help: stroke(`${RING}M6.3 6.5C6.3 5.3 7.1 4.7 8.1 4.7S9.8 5.4 9.8 6.4C9.8 7.7 8 7.7 8 9.2M8 11.2H8.01`),
  history: stroke('M2.6 3.4V6.2H5.4M2.8 6.1A5.6 5.6 0 1 1 2.6 9.4M8 5.2V8.2L10 9.6'),
  host: stroke(RING),
  info: stroke(`${RING}M8 7.4V11M8 5H8.01`),
  layers: stroke('M8 2.4L13.6 5.2L8 8L2.4 5.2ZM2.4 8L8 10.8L13.6 8M2.4 10.8L8 13.6L13.6 10.8'),
  list: stroke('M2.8 3.6H13.2M2.8 6.6H10M2.8 9.6H13.2M2.8 12.6H8'),
  lock: stroke('M4.6 7.2H11.4A1 1 0 0 1 12.4 8.2V12.4A1 1 0 0 1 11.4 13.4H4.6A1 1 0 0 1 3.6 12.4V8.2A1 1 0 0 1 4.6 7.2ZM5.6 7.2V5A2.4 2.4 0 0 1 10.4 5V7.2'),
  minus: stroke('M3.2 8H12.8'),
  moon: stroke('M13.2 9.6A5.7 5.7 0 1 1 6.4 2.8A4.6 4.6 0 0 0 13.2 9.6Z'),
  more: solid('M3.4 6.9A1.1 1.1 0 1 0 3.4 9.1A1.1 1.1 0 1 0 3.4 6.9ZM8 6.9A1.1 1.1 0 1 0 8 9.1A1.1 1.1 0 1 0 8 6.9ZM12.6 6.9A1.1 1.1 0 1 0 12.6 9.1A1.1 1.1 0 1 0 12.6 6.9Z'),
  orrery: stroke('M8 2.3A5.7 5.7 0 1 0 13.7 8M8 6.6A1.4 1.4 0 1 0 8 9.4A1.4 1.4 0 1 0 8 6.6ZM12.2 3A1.1 1.1 0 1 0 12.2 5.2A1.1 1.1 0 1 0 12.2 3Z'),
  narrow: stroke('M13.4 6.4H9.6V2.6M9.8 6.2L13.6 2.4M2.6 9.6H6.4V13.4M6.2 9.8L2.4 13.6'),
  pause: stroke('M5.6 3.4V12.6M10.4 3.4V12.6'),
  pin: stroke('M5.6 2.6H10.4M6.2 2.6V6.6L4.4 9.2H11.6L9.8 6.6V2.6M8 9.2V13.6'),
  play: stroke('M4.8 3.2L12.4 8L4.8 12.8Z'),
  plug: stroke('M5.8 2.4V5.2M10.2 2.4V5.2M3.8 5.2H12.2V7.6A4.2 4.2 0 0 1 3.8 7.6ZM8 11.8V14'),
  plus: stroke('M8 3.2V12.8M3.2 8H12.8'),
  rearrange: stroke('M3.6 2.4A1.5 1.5 0 1 0 3.6 5.4A1.5 1.5 0 1 0 3.6 2.4ZM12.4 2.4A1.5 1.5 0 1 0 12.4 5.4A1.5 1.5 0 1 0 12.4 2.4ZM8 10.6A1.5 1.5 0 1 0 8 13.6A1.5 1.5 0 1 0 8 10.6ZM5.1 3.9H10.9M4.3 5.2L7.2 10.8M11.7 5.2L8.8 10.8'),
  remove: stroke('M3 4.4H13M6.2 4.4V2.8H9.8V4.4M4.2 4.4L4.8 13.2H11.2L11.8 4.4M6.8 7V10.8M9.2 7V10.8'),
  resources: stroke('M2.6 3.6H13.4M2.6 8H9M2.6 12.4H11.4'),
  retry: stroke('M13.4 3V6.4H10M13.2 6.2A5.6 5.6 0 1 0 13.5 9.4'),
  search: stroke('M7.2 2.6A4.6 4.6 0 1 0 7.2 11.8A4.6 4.6 0 1 0 7.2 2.6ZM10.6 10.6L13.6 13.6'),
  server: stroke('M3.4 2.8H12.6A1 1 0 0 1 13.6 3.8V7H2.4V3.8A1 1 0 0 1 3.4 2.8ZM2.4 9H13.6V12.2A1 1 0 0 1 12.6 13.2H3.4A1 1 0 0 1 2.4 12.2ZM5 5H5.01M5 11.1H5.01'),
  shield: stroke('M8 2.2L13 4V7.6C13 10.6 11 12.8 8 13.9C5 12.8 3 10.6 3 7.6V4Z'),
  speak: stroke('M2.6 6.2H5L8.4 3.2V12.8L5 9.8H2.6ZM10.6 5.8A3 3 0 0 1 10.6 10.2M12.4 4A5.4 5.4 0 0 1 12.4 12'),
  star: stroke('M8 2.4L9.7 6L13.6 6.5L10.8 9.2L11.5 13.1L8 11.2L4.5 13.1L5.2 9.2L2.4 6.5L6.3 6Z'),
  stop: stroke('M3.8 3.4H12.2A.4 .4 0 0 1 12.6 3.8V12.2A.4 .4 0 0 1 12.2 12.6H3.8A.4 .4 0 0 1 3.4 12.2V3.8A.4 .4 0 0 1 3.8 3.4Z'),
  sun: stroke('M8 5.4A2.6 2.6 0 1 0 8 10.6A2.6 2.6 0 1 0 8 5.4ZM8 2V3.2M8 12.8V14M2 8H3.2M12.8 8H14M3.8 3.8L4.6 4.6M11.4 11.4L12.2 12.2M12.2 3.8L11.4 4.6M4.6 11.4L3.8 12.2'),
  table: stroke('M3.4 2.8H12.6A1 1 0 0 1 13.6 3.8V12.2A1 1 0 0 1 12.6 13.2H3.4A1 1 0 0 1 2.4 12.2V3.8A1 1 0 0 1 3.4 2.8ZM2.4 6.2H13.6M2.4 9.7H13.6M6.4 6.2V13.2'),
  tasks: stroke('M2.4 4L3.6 5.2L5.6 2.8M2.4 8.4L3.6 9.6L5.6 7.2M8 4.2H13.6M8 8.4H13.6M4 12.8H13.6'),
  terminal: stroke('M2.8 4.2L6.4 7.6L2.8 11M8 12H13.4'),
  unlock: stroke('M4.6 7.2H11.4A1 1 0 0 1 12.4 8.2V12.4A1 1 0 0 1 11.4 13.4H4.6A1 1 0 0 1 3.6 12.4V8.2A1 1 0 0 1 4.6 7.2ZM5.6 7.2V5A2.4 2.4 0 0 1 10.3 4.3'),
  upload: stroke('M8 10.2V2.8M4.8 5.8L8 2.6L11.2 5.8M2.8 13.2H13.2'),
  user: stroke('M8 2.6A2.7 2.7 0 1 0 8 8A2.7 2.7 0 1 0 8 2.6ZM3 13.4C3.4 11 5.4 9.8 8 9.8S12.6 11 13 13.4'),
  warning: stroke('M8 2.6L14 13H2ZM8 6.6V9.4M8 11.2H8.01'),
  widen: stroke('M9.6 2.6H13.4V6.4M13.2 2.8L9 7M6.4 13.4H2.6V9.6M2.8 13.2L7 9'),
  window: stroke('M3.4 3H12.6A1 1 0 0 1 13.6 4V12A1 1 0 0 1 12.6 13H3.4A1 1 0 0 1 2.4 12V4A1 1 0 0 1 3.4 3ZM2.4 6H13.6'),
} as const satisfies Record<string, IconPath>;

export type IconName = keyof typeof ICONS;

/** An icon by a name that may not be known; a plain ring then, so that a gap never looks like a fault. */
export function iconPath(name: string): IconPath {
  return Object.hasOwn(ICONS, name) ? ICONS[name as IconName] : ICONS.circle;
}
