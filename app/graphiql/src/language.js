// The language of the page: French where the browser prefers it to English, else English; and the words in it.
//
// English texts stand where they are used and are the keys of the French ones. Answers are in the same language: the
// browser sends its languages along as Accept-Language.

import french from './words/fr.json'
import frenchInterface from './words/fr.interface.json'

const wanted = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => ['en', 'fr'].includes(tag))

export const language = wanted ?? 'en'
document.documentElement.lang = language

// Returns *english* in the language of the page, with each {name} replaced by its value.
export function word(english, values = {}) {
  const text = (language === 'fr' && (french[english] ?? frenchInterface[english])) || english
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name])
}
