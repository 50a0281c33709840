import type { Plugin } from 'vite'

const COLOURS = { red: '#b3121d', yellow: '#8a5a00' }
const HOUSE = '<path d="M4 15 16 5l12 10v12H4z" fill="#0b4a5c"/><path d="M8 20h4l2-5 4 8 2-3h4" fill="none" stroke="#fff" stroke-width="2.4"/>'

function svg(body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${body}</svg>`
}

function counted(colour: string, count: string): string {
  const text = `<text x="16" y="24" font-family="sans-serif" font-weight="700" font-size="22" text-anchor="middle" fill="#fff">${count}</text>`
  return svg(`<rect width="32" height="32" rx="7" fill="${colour}"/>${text}`)
}

/** The tab's icons, one file per colour and count: a drawn icon would need data: addresses in the content security policy. */
export function icons(): Map<string, string> {
  const files = new Map([['icon.svg', svg(HOUSE)]])
  for (const [name, colour] of Object.entries(COLOURS)) {
    for (let count = 1; count <= 9; count++) files.set(`${name}-${count}.svg`, counted(colour, String(count)))
    files.set(`${name}-10.svg`, counted(colour, '9+'))
  }
  return files
}

export function tabIcons(): Plugin {
  return {
    name: 'tab-icons',
    generateBundle() {
      for (const [name, source] of icons()) this.emitFile({ type: 'asset', fileName: `icons/${name}`, source })
    },
    configureServer(server) {
      server.middlewares.use('/icons', (request, response, next) => {
        const source = icons().get(request.url?.slice(1) ?? '')
        if (source === undefined) return next()
        response.setHeader('Content-Type', 'image/svg+xml')
        response.end(source)
      })
    },
  }
}
