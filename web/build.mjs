// build.mjs - bundles the page with esbuild into web/dist: index.html and assets whose names carry their hash.
import { build } from 'esbuild';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: ['src/main.tsx', 'src/style.css'],
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2021'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  metafile: true,
  legalComments: 'none',
  entryNames: 'assets/[name]-[hash]',
  chunkNames: 'assets/[name]-[hash]',
  assetNames: 'assets/[name]-[hash]',
  outdir: 'dist',
});
const outputs = Object.entries(result.metafile.outputs);
const find = (entry) => '/' + path.relative('dist', outputs.find(([, o]) => o.entryPoint === entry)[0]);
const html = await readFile(path.join(here, 'src/index.html'), 'utf8');
await writeFile(path.join(dist, 'index.html'),
  html.replace('{{script}}', find('src/main.tsx')).replace('{{style}}', find('src/style.css')));
