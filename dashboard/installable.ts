// What makes the page a program that can be installed: its manifest, its icons, and the worker that knows the files of this build.
import type { Plugin } from 'vite'
import { LOOKS, png } from './app-icons.ts'

export const WORKER = 'sw.js'
const BRAND = '#0b4a5c'
const PAGE = '#f3f5f6'

const MANIFEST = {
  name: 'Hjemvakt',
  short_name: 'Hjemvakt',
  description: 'Vakttavle for hjemmeoppfølging',
  lang: 'nb',
  id: '/',
  start_url: '/',
  scope: '/',
  display: 'standalone',
  background_color: PAGE,
  theme_color: BRAND,
  icons: [
    { src: '/icons/icon.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'any' },
    { src: '/icons/app-192.png', sizes: '192x192', type: 'image/png', purpose: 'any' },
    { src: '/icons/app-512.png', sizes: '512x512', type: 'image/png', purpose: 'any' },
    { src: '/icons/app-round-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
  ],
}

export function installable(): Plugin {
  return {
    name: 'installable',
    enforce: 'post', // when the names of all files are known
    generateBundle(_options, bundle) {
      const worker = bundle[WORKER]
      if (worker?.type !== 'chunk') throw new Error('the build made no service worker')
      if (worker.imports.length > 0) throw new Error('the service worker must be one file')
      worker.code = `self.SHELL=${JSON.stringify(shell(Object.keys(bundle)))};\n${worker.code}`
      for (const [name, look] of Object.entries(LOOKS)) this.emitFile({ type: 'asset', fileName: `icons/${name}`, source: png(look) })
      this.emitFile({ type: 'asset', fileName: 'manifest.webmanifest', source: JSON.stringify(MANIFEST) })
    },
  }
}

/** The page, what it loads, and its own icon; what only a browser's frame shows is fetched when it is shown. */
function shell(files: readonly string[]): string[] {
  const own = files.filter((file) => file.startsWith('assets/') || file === 'icons/icon.svg')
  return ['/', '/manifest.webmanifest', ...own.map((file) => `/${file}`).sort()]
}
