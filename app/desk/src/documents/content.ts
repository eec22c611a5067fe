// The bytes of a document as something to show.

export type Shown = { kind: 'image' | 'pdf'; url: string } | { kind: 'text'; text: string }

const IMAGES = new Set(['image/jpeg', 'image/png', 'image/webp'])
const TEXTS = new Set(['text/csv', 'text/plain'])
const PDF = 'application/pdf'
const TEXT_MAX = 100_000

export function canBeShown(contentType: string): boolean {
  return contentType === PDF || IMAGES.has(contentType) || TEXTS.has(contentType)
}

export async function toShown(bytes: ArrayBuffer, contentType: string): Promise<Shown> {
  if (contentType === PDF) return { kind: 'pdf', url: URL.createObjectURL(new Blob([bytes], { type: PDF })) }
  if (TEXTS.has(contentType)) return { kind: 'text', text: new TextDecoder().decode(bytes).slice(0, TEXT_MAX) }
  return { kind: 'image', url: await dataUrl(new Blob([bytes], { type: contentType })) }
}

export function release(shown: Shown | null): void {
  if (shown?.kind === 'pdf') URL.revokeObjectURL(shown.url)
}

// A frame with `sandbox` is of no origin, so that a blob: address of this one can't be read there.
function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener('load', () => resolve(String(reader.result)))
    reader.addEventListener('error', () => reject(reader.error ?? new Error('unreadable')))
    reader.readAsDataURL(blob)
  })
}
