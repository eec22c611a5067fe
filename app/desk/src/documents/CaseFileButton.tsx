// The button that downloads the case file, and why there is none.

import { useState } from 'react'

import { useSession } from '../app/SessionProvider'
import { config } from '../config'
import { useTranslation } from '../i18n/language'
import { Icon } from '../ui/Icon'
import { saveCaseFile } from './caseFile'

type Properties = { shown: { id: string; reference: string } }

export function CaseFileButton({ shown }: Properties) {
  const { t, language } = useTranslation()
  const { token } = useSession()
  const [isMaking, setIsMaking] = useState(false)
  const [message, setMessage] = useState<string | null>(null)
  if (!config.hasCaseFiles) return null
  const save = async () => {
    setIsMaking(true)
    setMessage(await saveCaseFile(shown, { token, language }).catch(() => t('unreachable')))
    setIsMaking(false)
  }
  return (
    <>
      <button type="button" className="tile-name" disabled={isMaking} onClick={() => void save()}>
        <Icon name="file" /> {isMaking ? t('makingCaseFile') : t('caseFile')}
      </button>
      {message && <p role="alert">{message}</p>}
    </>
  )
}
