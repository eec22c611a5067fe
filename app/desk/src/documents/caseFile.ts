// Fetches a case's file from the gateway's GET /case-files/{id}, which needs the token, and has the browser save it.

import { headersOf, type Credentials } from '../api/client'

type Case = { id: string; reference: string }

// Returns why there is no file, null where it is saved.
export async function saveCaseFile({ id, reference }: Case, credentials: Credentials): Promise<string | null> {
  const response = await fetch(`/case-files/${id}`, { headers: headersOf(credentials) })
  if (!response.ok) {
    const answer: { errors?: Array<{ message: string }> } = await response.json()
    return answer.errors?.map(({ message }) => message).join(' ') ?? response.statusText
  }
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await response.blob())
  link.download = `${reference}.pdf`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
  return null
}
