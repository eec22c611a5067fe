// The filters that the person has given a name.

import { useState, type FormEvent } from 'react'

import { useViewer } from '../app/ViewerProvider'
import { useTranslation } from '../i18n/language'
import { Icon } from '../ui/Icon'
import { useSavedFilters } from './useSavedFilters'

export function SavedFilters({ query, onChoose }: { query: string; onChoose: (query: string) => void }) {
  const { t } = useTranslation()
  const viewer = useViewer()
  const { saved, save, remove } = useSavedFilters(viewer.user.id)
  const [name, setName] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!name.trim()) return
    save({ name: name.trim(), query })
    setName('')
  }
  const isKnown = saved.some((filter) => filter.query === query)
  if (saved.length === 0 && query === '') return null
  return (
    <div className="saved-filters">
      {saved.length > 0 && (
        <ul aria-label={t('savedFilters')}>
          {saved.map((filter) => (
            <li key={filter.name}>
              <button type="button" aria-pressed={filter.query === query} onClick={() => onChoose(filter.query)}>
                {filter.name}
              </button>
              <button type="button" aria-label={t('removeFilter', { name: filter.name })} onClick={() => remove(filter.name)}>
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {query !== '' && !isKnown && (
        <form onSubmit={submit}>
          <label>
            <span className="visually-hidden">{t('filterName')}</span>
            <input value={name} placeholder={t('saveFilter')} maxLength={40} onChange={(event) => setName(event.target.value)} />
          </label>
          <button type="submit" className="button">
            {t('save')}
          </button>
        </form>
      )}
    </div>
  )
}
