// Sends a file to the gateway's POST /documents. It is attached to an action later, by its id.

import { headersOf, type Credentials } from '../api/client'
import type { DocumentWarning } from '../gql/graphql'

type Uploaded = { id: string; warnings: DocumentWarning[] }
export type UploadResult = { document: Uploaded } | { message: string }

export async function upload(file: File, credentials: Credentials, signal: AbortSignal): Promise<UploadResult> {
  const response = await fetch(`/documents?filename=${encodeURIComponent(file.name)}`, {
    method: 'POST',
    headers: { ...headersOf(credentials), 'Content-Type': 'application/octet-stream' },
    body: file,
    signal,
  })
  const answer: Uploaded & { errors?: Array<{ message: string }> } = await response.json()
  if (response.ok) return { document: answer }
  return { message: answer.errors?.map(({ message }) => message).join(' ') ?? response.statusText }
}
