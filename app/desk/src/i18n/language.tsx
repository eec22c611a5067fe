// The language of the page: what was chosen, else what the browser prefers. The names of the schema's enum members come
// from the gateway, so that every client calls them the same.

import { createContext, use, useEffect, useMemo, useState, type ReactNode } from 'react'

import { en, type Word } from './en'
import { fr } from './fr'

export type Language = 'EN' | 'FR'

const STORED = 'casegate.desk.language'
const WORDS = { EN: en, FR: fr }

export type Translate = (word: Word, values?: Record<string, string | number>) => string

type Translation = { language: Language; setLanguage: (language: Language) => void; t: Translate }

const LanguageContext = createContext<Translation | null>(null)

function preferred(): Language {
  const stored = localStorage.getItem(STORED)
  if (stored === 'EN' || stored === 'FR') return stored
  const known = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === 'en' || tag === 'fr')
  return known === 'fr' ? 'FR' : 'EN'
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(preferred)
  useEffect(() => {
    document.documentElement.lang = language.toLowerCase()
  }, [language])
  const translation = useMemo<Translation>(
    () => ({
      language,
      setLanguage: (chosen) => {
        localStorage.setItem(STORED, chosen)
        setLanguage(chosen)
      },
      t: (word, values = {}) =>
        WORDS[language][word].replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place)),
    }),
    [language],
  )
  return <LanguageContext value={translation}>{children}</LanguageContext>
}

export function useTranslation(): Translation {
  const translation = use(LanguageContext)
  if (!translation) throw new Error('useTranslation needs a LanguageProvider')
  return translation
}
