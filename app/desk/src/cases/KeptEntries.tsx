// What the viewer has done to this case and is not sent yet.

import { useTranslation } from '../i18n/language'
import { useEntries } from '../outbox/OutboxProvider'
import { NAMES, isKept, textOf } from '../outbox/entries'

export function KeptEntries({ caseId }: { caseId: string }) {
  const { t } = useTranslation()
  const entries = useEntries().filter((entry) => entry.case?.id === caseId && isKept(entry))
  if (entries.length === 0) return null
  return (
    <ol className="timeline kept">
      {entries.map((entry) => (
        <li key={entry.key} className="entry">
          <p className="entry-head">
            <span>{t('labelled', { label: t(NAMES[entry.name]), value: t('waiting') })}</span>
          </p>
          {textOf(entry) && <p className="body">{textOf(entry)}</p>}
        </li>
      ))}
    </ol>
  )
}
