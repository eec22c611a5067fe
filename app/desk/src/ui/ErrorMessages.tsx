// Why something was not done, in the gateway's words, which are in the language of the page.

import type { ReactNode } from 'react'

import { useTranslation } from '../i18n/language'

type Properties = { messages: readonly string[]; children?: ReactNode }

export function ErrorMessages({ messages, children }: Properties) {
  const { t } = useTranslation()
  return (
    <div className="refusal" role="alert">
      <p>
        <strong>{t('refusedTitle')}</strong>
      </p>
      {messages.map((message) => (
        <p key={message}>{message}</p>
      ))}
      {children}
    </div>
  )
}
