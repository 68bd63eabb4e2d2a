import type { PipeEvents, PipeHandle } from '../backend';

const PROMPT = '\x1b[36m/app\x1b[0m # ';
const ANSWERS: Record<string, string> = {
  ls: 'Dockerfile   \x1b[34mdist\x1b[0m   \x1b[34mnode_modules\x1b[0m   package.json   \x1b[34msrc\x1b[0m\r\n',
  ps: '  PID USER       TIME  COMMAND\r\n    1 node      0:00 dumb-init node dist/main.js\r\n    7 node      4:12 node --enable-source-maps dist/main.js\r\n   61 root      0:00 sh\r\n',
  uptime: ' 14:20:11 up 2 days,  2:39,  load average: 2.31, 1.94, 1.70\r\n',
  'df -h': 'Filesystem   Size  Used Avail Use% Mounted on\r\noverlay      118G   61G   52G  55% /\r\ntmpfs         64M     0   64M   0% /dev\r\n',
};
const WAIT_MS = 30;

/** A shell of cardboard: echoes keys, knows a few words, ends with `exit`. */
export class FakeShell implements PipeHandle {
  #events: PipeEvents;
  #line = '';
  #over = false;

  constructor(events: PipeEvents) {
    this.#events = events;
    setTimeout(() => {
      if (this.#over) return;
      events.link('open');
      this.#say(PROMPT);
    }, WAIT_MS);
  }

  send(bytes: Uint8Array): void {
    if (this.#over) return;
    for (const key of new TextDecoder().decode(bytes)) this.#key(key);
  }

  detach(): void {
    this.#over = true;
  }

  close(): void {
    this.#over = true;
  }

  #key(key: string): void {
    if (key === '\r') {
      this.#say('\r\n');
      this.#run(this.#line.trim());
      this.#line = '';
    } else if (key === '\x7f') {
      if (this.#line === '') return;
      this.#line = this.#line.slice(0, -1);
      this.#say('\b \b');
    } else if (key === '\x03') {
      this.#line = '';
      this.#say(`^C\r\n${PROMPT}`);
    } else if (key >= ' ') {
      this.#line += key;
      this.#say(key);
    }
  }

  #run(command: string): void {
    if (command === 'exit') {
      this.#over = true;
      this.#events.end('closed', 'The far end closed it.');
      return;
    }
    const known = command === '' ? '' : (ANSWERS[command] ?? `sh: ${command}: not found\r\n`);
    this.#say(`${known}${PROMPT}`);
  }

  #say(text: string): void {
    this.#events.bytes(new TextEncoder().encode(text));
  }
}
