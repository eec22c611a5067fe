// A modal dialog: the browser's own, which keeps the focus inside, closes by Escape, and gives the focus back.

import { useId, useLayoutEffect, useRef, type ReactNode } from 'react'

import { useTranslation } from '../i18n/language'
import { Icon } from './Icon'

type Properties = { title: string; onClose: () => void; isWide?: boolean; children: ReactNode }

export function Dialog({ title, onClose, isWide = false, children }: Properties) {
  const { t } = useTranslation()
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  // Closed before it is removed: only then does the browser give the focus back.
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  return (
    <dialog ref={dialog} className={isWide ? 'dialog wide' : 'dialog'} aria-labelledby={heading} onCancel={onClose}>
      <div className="dialog-head">
        <h2 id={heading}>{title}</h2>
        <button type="button" className="icon-button" aria-label={t('close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <div className="dialog-body">{children}</div>
    </dialog>
  )
}
