// One line that says what has just happened; screen readers read it aloud.

import { createContext, use, useCallback, useRef, useState, type ReactNode } from 'react'

const SHOWN_MS = 8000

const NoticeContext = createContext<(text: string) => void>(() => undefined)

export function NoticeProvider({ children }: { children: ReactNode }) {
  const [notice, setNotice] = useState('')
  const timer = useRef<number>(undefined)
  const announce = useCallback((text: string) => {
    setNotice(text)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setNotice(''), SHOWN_MS)
  }, [])
  return (
    <NoticeContext value={announce}>
      {children}
      <output className="notices">{notice && <span className="notice">{notice}</span>}</output>
    </NoticeContext>
  )
}

export function useAnnounce(): (text: string) => void {
  return use(NoticeContext)
}
