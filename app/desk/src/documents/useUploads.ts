// The files of one form: sent as soon as they are chosen, and attached when the form is.

import { useRef, useState } from 'react'

import { useSession } from '../app/SessionProvider'
import { useTranslation } from '../i18n/language'
import type { DocumentWarning } from '../gql/graphql'
import { upload } from './upload'

export type Upload = {
  key: number
  name: string
  size: number
  state: 'uploading' | 'uploaded' | 'refused'
  documentId: string | null
  warnings: readonly DocumentWarning[]
  message: string | null
}

export type Uploads = ReturnType<typeof useUploads>

export function useUploads() {
  const { t, language } = useTranslation()
  const { token } = useSession()
  const [uploads, setUploads] = useState<readonly Upload[]>([])
  const lastKey = useRef(0)
  const ends = useRef(new Map<number, AbortController>())

  const change = (key: number, changed: Partial<Upload>) =>
    setUploads((known) => known.map((one) => (one.key === key ? { ...one, ...changed } : one)))

  const addOne = async (file: File) => {
    const key = ++lastKey.current
    const end = new AbortController()
    ends.current.set(key, end)
    const begun: Upload = {
      key,
      name: file.name,
      size: file.size,
      state: 'uploading',
      documentId: null,
      warnings: [],
      message: null,
    }
    setUploads((known) => [...known, begun])
    try {
      const result = await upload(file, { token, language }, end.signal)
      if ('message' in result) change(key, { state: 'refused', message: result.message })
      else change(key, { state: 'uploaded', documentId: result.document.id, warnings: result.document.warnings })
    } catch {
      change(key, { state: 'refused', message: t('filesNeedConnection') })
    }
  }

  return {
    uploads,
    isUploading: uploads.some(({ state }) => state === 'uploading'),
    documentIds: uploads.flatMap(({ documentId }) => documentId ?? []),
    add: (files: Iterable<File>) => {
      for (const file of files) void addOne(file)
    },
    remove: (key: number) => {
      ends.current.get(key)?.abort()
      setUploads((known) => known.filter((one) => one.key !== key))
    },
    clear: () => setUploads([]),
  }
}
