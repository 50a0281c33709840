// Something that one asks the server for about one's own login: under way, done, or why not.
import { troubleOf, type Trouble } from '../../api_me'
import type { Desk } from '../../desk.svelte'

export class Attempt {
  sending = $state(false)
  trouble = $state<Trouble | null>(null)

  readonly #desk: Desk
  constructor(desk: Desk) {
    this.#desk = desk
  }

  async make(deed: () => Promise<void>): Promise<void> {
    this.sending = true
    this.trouble = null
    try {
      await deed()
    } catch (error) {
      this.trouble = troubleOf(error)
      if (this.trouble === null) this.#desk.over()
    } finally {
      this.sending = false
    }
  }
}
