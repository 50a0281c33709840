// The camera, as far as this browser can read a square with it.

/** https://wicg.github.io/shape-detection-api/#barcode-detection-api */
interface Detector {
  detect(image: HTMLVideoElement): Promise<readonly { readonly rawValue: string }[]>
}
type DetectorClass = new (options: { formats: string[] }) => Detector

const LOOK_MS = 150
const CAMERA: MediaStreamConstraints = { video: { facingMode: 'environment' }, audio: false }

function detectorClass(): DetectorClass | null {
  return 'BarcodeDetector' in window ? (window.BarcodeDetector as DetectorClass) : null
}

export function canScan(): boolean {
  return detectorClass() !== null && navigator.mediaDevices !== undefined
}

/** What each square in sight says, until `signal` ends it; the camera is off afterwards. Throws when there is no camera. */
export async function scan(video: HTMLVideoElement, signal: AbortSignal, found: (text: string) => void): Promise<void> {
  const Found = detectorClass()
  if (Found === null) return
  const detector = new Found({ formats: ['qr_code'] })
  const stream = await navigator.mediaDevices.getUserMedia(CAMERA)
  try {
    video.srcObject = stream
    await video.play()
    while (!signal.aborted) {
      for (const { rawValue } of await detector.detect(video)) found(rawValue)
      await new Promise((over) => setTimeout(over, LOOK_MS))
    }
  } finally {
    for (const track of stream.getTracks()) track.stop()
    video.srcObject = null
  }
}
