import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { type ITheme, Terminal } from '@xterm/xterm';
import { styledBySheets } from './styles';

/** Lines kept above what is shown. */
const SCROLLBACK = 10_000;
/** Chords that are the window's, also while a terminal has the keys. */
const OURS: ((event: KeyboardEvent) => boolean)[] = [(event) => event.ctrlKey && event.code === 'Backquote'];

export interface ScreenEvents {
  /** Keys and pastes, as bytes for the far end. */
  typed(bytes: Uint8Array): void;
  resized(columns: number, rows: number): void;
  copied(text: string): void;
}

/** A terminal's picture in an element. */
export interface Screen {
  write(bytes: Uint8Array): void;
  /** A line of ours, apart from what the far end says. */
  say(text: string): void;
  fit(): void;
  focus(): void;
  retheme(): void;
  setReadAloud(on: boolean): void;
  selection(): string;
  /** Everything, scrollback included. */
  text(): string;
  dispose(): void;
}

/** `raw`: the far end is a terminal itself; otherwise plain lines come, without carriage returns. */
export function createScreen(host: HTMLElement, raw: boolean, readAloud: boolean, events: ScreenEvents): Screen {
  const terminal = new Terminal({
    convertEol: !raw,
    cursorBlink: false,
    fontFamily: role('mono'),
    fontSize: 12,
    lineHeight: 1.25,
    scrollback: SCROLLBACK,
    screenReaderMode: readAloud,
    theme: themeNow(),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  styledBySheets(document, () => terminal.open(host));
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.type !== 'keydown') return true;
    if (event.ctrlKey && event.shiftKey && event.code === 'KeyC') {
      // Ctrl+C interrupts; with Shift it copies, as terminals have it.
      if (terminal.hasSelection()) events.copied(terminal.getSelection());
      event.preventDefault();
      return false;
    }
    return !OURS.some((ours) => ours(event));
  });
  const encoder = new TextEncoder();
  // Where no terminal is at the far end, nothing there makes a new line of a carriage return.
  terminal.onData((text) => events.typed(encoder.encode(raw ? text : text.replaceAll('\r', '\n'))));
  terminal.onBinary((text) => events.typed(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => events.resized(cols, rows));
  const fitNow = () => {
    // A folded dock has no size; what was shown keeps its own.
    if (host.clientWidth > 0 && host.clientHeight > 0) fit.fit();
  };
  fitNow();
  events.resized(terminal.cols, terminal.rows);
  return {
    write: (bytes) => terminal.write(bytes),
    say: (text) => terminal.write(`\r\n\x1b[2m${text.replaceAll(/[\x00-\x1f\x7f]/g, ' ')}\x1b[0m\r\n`),
    fit: fitNow,
    focus: () => terminal.focus(),
    retheme: () => {
      terminal.options.theme = themeNow();
    },
    setReadAloud: (on) => {
      terminal.options.screenReaderMode = on;
    },
    selection: () => terminal.getSelection(),
    text: () => textOf(terminal),
    dispose: () => terminal.dispose(),
  };
}

function textOf(terminal: Terminal): string {
  const buffer = terminal.buffer.active;
  const lines: string[] = [];
  for (let at = 0; at < buffer.length; at += 1) {
    const line = buffer.getLine(at);
    if (!line) continue;
    const text = line.translateToString(true);
    // A wrapped line goes on where the one before ended.
    if (line.isWrapped && lines.length > 0) lines.push((lines.pop() ?? '') + text);
    else lines.push(text);
  }
  return lines.join('\n').trimEnd();
}

function role(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Sixteen colours that can be read on the block's surface, in either theme. */
function themeNow(): ITheme {
  const dark = document.documentElement.dataset.theme !== 'light';
  const t1 = role('t1');
  const [red, green, yellow, blue, magenta, cyan] = dark
    ? ['#f5796a', '#4cb782', '#e3a94a', '#6ea8fe', '#b98ffb', '#3fb8c6']
    : ['#c2321f', '#177546', '#8f5d00', '#1d5fd0', '#7a2fd0', '#0f7285'];
  return {
    background: role('bg'),
    foreground: t1,
    cursor: role('accent'),
    cursorAccent: role('bg'),
    selectionBackground: dark ? '#2f4a75' : '#bcd3fa',
    black: dark ? '#343b42' : '#16191d',
    white: dark ? '#adb5bd' : '#616a74',
    brightBlack: role('t3'),
    brightWhite: t1,
    red, green, yellow, blue, magenta, cyan,
    brightRed: red, brightGreen: green, brightYellow: yellow, brightBlue: blue, brightMagenta: magenta, brightCyan: cyan,
  };
}
