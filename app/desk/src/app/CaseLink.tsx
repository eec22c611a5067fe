// A link to a case, or with no reference to the worklist, that keeps the worklist's filter.

import type { MouseEvent, ReactNode } from 'react'

import { addressOf, navigate, useQueryString } from './router'

type Properties = {
  reference: string | null
  className?: string
  isCurrent?: boolean
  onClick?: () => void
  children: ReactNode
}

export function CaseLink({ reference, className, isCurrent = false, onClick, children }: Properties) {
  const address = addressOf(reference, useQueryString())
  const follow = (event: MouseEvent) => {
    // The browser's own ways to open a link in another tab go on working.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    navigate(address)
    onClick?.()
  }
  return (
    <a href={address} className={className} aria-current={isCurrent ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  )
}
