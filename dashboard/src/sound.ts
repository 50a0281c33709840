// Tones for alerts. Browsers keep silent until somebody has pressed something on the page; the state says so.
export type Hearing = 'off' | 'on' | 'blocked'
export type Call = 'red' | 'yellow' | 'lost'

interface Tone {
  readonly hertz: number
  readonly atS: number
  readonly lengthS: number
}

/** Red is five high tones (3 + 2), yellow three lower, a lost connection two falling ones: told apart without looking. */
export const TONES: Readonly<Record<Call, readonly Tone[]>> = {
  red: [0, 0.22, 0.44, 0.86, 1.08].map((atS) => ({ hertz: 988, atS, lengthS: 0.16 })),
  yellow: [0, 0.32, 0.64].map((atS) => ({ hertz: 587, atS, lengthS: 0.24 })),
  lost: [
    { hertz: 392, atS: 0, lengthS: 0.3 },
    { hertz: 262, atS: 0.36, lengthS: 0.5 },
  ],
}

/** An unacknowledged red is heard again until somebody has it. */
export const REPEAT_MS = 30_000

export class Bell {
  #context: AudioContext | null = null
  #wanted = false

  get hearing(): Hearing {
    if (!this.#wanted) return 'off'
    return this.#context?.state === 'running' ? 'on' : 'blocked'
  }

  /** Must be called from a press: only then does the browser let the sound through. */
  async toggle(): Promise<void> {
    if (this.hearing === 'on') {
      this.#wanted = false
      await this.#context?.suspend()
      return
    }
    this.#wanted = true
    this.#context ??= new AudioContext()
    await this.#context.resume()
    this.ring('yellow')
  }

  ring(call: Call): void {
    const context = this.#context
    if (!context || this.hearing !== 'on') return
    for (const { hertz, atS, lengthS } of TONES[call]) beep(context, hertz, context.currentTime + atS, lengthS)
  }
}

function beep(context: AudioContext, hertz: number, from: number, lengthS: number): void {
  const tone = context.createOscillator()
  const loudness = context.createGain()
  tone.frequency.value = hertz
  loudness.gain.setValueAtTime(0, from)
  loudness.gain.linearRampToValueAtTime(0.35, from + 0.02)
  loudness.gain.setValueAtTime(0.35, from + lengthS - 0.04)
  loudness.gain.linearRampToValueAtTime(0, from + lengthS)
  tone.connect(loudness).connect(context.destination)
  tone.start(from)
  tone.stop(from + lengthS)
}
