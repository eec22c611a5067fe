// Dates, sizes and countries as they are written in the language of the page.

import { useMemo } from 'react'

import { useTranslation, type Language } from './language'

// Canadian French writes a date as Europe does not; the dates here are for people of any country, with the month in letters.
const LOCALES: Record<Language, string> = { EN: 'en-GB', FR: 'fr-FR' }

export function useFormat() {
  const { language } = useTranslation()
  return useMemo(() => {
    const locale = LOCALES[language]
    const moment = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
    const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' })
    const countries = new Intl.DisplayNames([locale], { type: 'region' })
    const names = new Intl.ListFormat(locale, { type: 'conjunction' })
    const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 })
    return {
      moment: (time: string) => moment.format(new Date(time)),
      day: (time: string) => day.format(new Date(time)),
      country: (code: string) => countries.of(code) ?? code,
      names: (list: string[]) => names.format(list),
      size: (bytes: number) =>
        bytes < 1024 * 1024 ? `${number.format(bytes / 1024)} KiB` : `${number.format(bytes / 1024 / 1024)} MiB`,
    }
  }, [language])
}
