/** In the list itself, from its place to one so much further down it. */
export function move<T>(list: T[], place: number, by: number): void {
  const [moved] = list.splice(place, 1)
  if (moved !== undefined) list.splice(place + by, 0, moved)
}
