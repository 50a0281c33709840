export interface Keys {
  acknowledge(alert: number): void
}

const STOPS = '[data-stop]'

function writing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]')
}

function move(by: 1 | -1): void {
  const stops = [...document.querySelectorAll<HTMLElement>(STOPS)].filter((stop) => stop.checkVisibility())
  const current = document.activeElement?.closest<HTMLElement>(STOPS)
  const at = current ? stops.indexOf(current) : -1
  const next = stops[current ? at + by : 0]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}

function ours(event: KeyboardEvent): boolean {
  return !event.ctrlKey && !event.metaKey && !event.altKey && !writing(event.target)
}

/** Shift+K, where the screen is about one alert. */
export function takes(event: KeyboardEvent): boolean {
  return ours(event) && event.key === 'K' && event.shiftKey
}

/** Up and down between alerts and rows, Shift+K takes the alert in focus, "/" searches. True when the key was ours. */
export function pressed(event: KeyboardEvent, keys: Keys): boolean {
  if (!ours(event)) return false
  if (event.key === 'ArrowDown') move(1)
  else if (event.key === 'ArrowUp') move(-1)
  else if (event.key === '/') document.getElementById('search')?.focus()
  else if (takes(event)) {
    const alert = document.activeElement?.closest<HTMLElement>('[data-alert]')?.dataset.alert
    if (alert === undefined) return false
    keys.acknowledge(Number(alert))
  } else return false
  return true
}
