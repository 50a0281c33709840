/** One observer for many elements. */
function watcher(options: IntersectionObserverInit): (element: Element, tell: (is: boolean) => void) => () => void {
  const told = new WeakMap<Element, (is: boolean) => void>()
  let observer: IntersectionObserver | null = null
  return (element, tell) => {
    observer ??= new IntersectionObserver((entries) => {
      for (const entry of entries) told.get(entry.target)?.(entry.isIntersecting)
    }, options)
    told.set(element, tell)
    observer.observe(element)
    return () => {
      observer?.unobserve(element)
      told.delete(element)
    }
  }
}

/** Near the window or in it: what nobody sees is not drawn. */
export const near = watcher({ rootMargin: '300px 0px' })

/** Half of it is in the window: somebody could have seen it. */
export const shown = watcher({ threshold: 0.5 })
