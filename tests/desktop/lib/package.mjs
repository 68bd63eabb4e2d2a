// Packages of a small plugin, made with the command, and a place on loopback to fetch them from.

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, createReadStream, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = join(dirname(fileURLToPath(import.meta.url)), 'lantern.py');

const manifest = (version, mood) => `manifest = 1
id = "lantern"
version = "${version}"
label = "Lantern"
description = "Hangs a lantern on a host"

[run]
entry = "lantern"
args = ["{socket}", "${mood}"]

[start]
attempts = 1

[restart]
stable_after = "1s"

[limits]
memory = "128MiB"

[[policy]]
key = "brightness"
type = "integer"
description = "How bright, of a hundred."
min = 1
max = 100
default = 40

[[policy]]
key = "oil"
type = "secret"
description = "Where the oil is kept."
`;

/** Packs the lantern; gives the archive's path. */
export function packLantern(orrery, dir, version, mood) {
  const source = join(dir, `lantern-${version}`);
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'plugin.toml'), manifest(version, mood));
  copyFileSync(program, join(source, 'lantern'));
  chmodSync(join(source, 'lantern'), 0o755);
  execFileSync(orrery, ['plugin', 'pack', source, '--out', dir]);
  return join(dir, `lantern-${version}.tar.gz`);
}

/** Serves a directory's files; gives its address and how to close it. */
export async function serveFiles(dir) {
  const server = createServer((request, response) => {
    const file = join(dir, basename(new URL(request.url, 'http://local').pathname));
    if (!existsSync(file)) {
      response.statusCode = 404;
      response.end();
      return;
    }
    createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
