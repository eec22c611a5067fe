// The field for words to search for. It waits until nothing was typed for a moment.

import { useRef, useState } from 'react'

import { useTranslation } from '../i18n/language'
import { Icon } from '../ui/Icon'

const WAIT_MS = 250

export function SearchField({ search, onSearch }: { search: string; onSearch: (search: string) => void }) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState(search)
  const [shown, setShown] = useState(search)
  const timer = useRef<number>(undefined)
  // The search was changed elsewhere, as by a saved filter.
  if (search !== shown) {
    setShown(search)
    if (search !== typed.trim()) setTyped(search)
  }
  const type = (text: string) => {
    setTyped(text)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => onSearch(text.trim()), WAIT_MS)
  }
  return (
    <label className="search">
      <span className="visually-hidden">{t('search')}</span>
      <Icon name="search" />
      <input
        type="search"
        value={typed}
        placeholder={t('searchHint')}
        maxLength={200}
        onChange={(event) => type(event.target.value)}
      />
    </label>
  )
}
