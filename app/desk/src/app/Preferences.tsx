// The language and the appearance, each kept in the browser.

import { useEffect, useState } from 'react'

import { useTranslation, type Language } from '../i18n/language'
import type { Word } from '../i18n/en'

const STORED = 'casegate.desk.theme'
const THEMES: Record<string, Word> = { '': 'themeSystem', light: 'themeLight', dark: 'themeDark' }

export function Preferences() {
  const { t, language, setLanguage } = useTranslation()
  return (
    <>
      <label>
        <span className="visually-hidden">{t('language')}</span>
        <select value={language} onChange={(event) => setLanguage(event.target.value as Language)}>
          <option value="EN" lang="en">
            English
          </option>
          <option value="FR" lang="fr">
            Français
          </option>
        </select>
      </label>
      <ThemeChoice />
      <a href="/docs">{t('manual')}</a>
    </>
  )
}

function ThemeChoice() {
  const { t } = useTranslation()
  const [theme, setTheme] = useState(() => localStorage.getItem(STORED) ?? '')
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
    localStorage.setItem(STORED, theme)
  }, [theme])
  return (
    <label>
      <span className="visually-hidden">{t('theme')}</span>
      <select value={theme} onChange={(event) => setTheme(event.target.value)}>
        {Object.entries(THEMES).map(([value, word]) => (
          <option key={value} value={value}>
            {t(word)}
          </option>
        ))}
      </select>
    </label>
  )
}
