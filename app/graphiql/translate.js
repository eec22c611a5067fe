// GraphiQL has no translations: as the page is built, the texts of its interface become calls of `word` (src/language.js).
//
// The one place that knows how GraphiQL's packages are written. A text of src/words/fr.interface.json that no package
// has any more ends the build, so that a new version can't lose its French in silence.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const language = at('./src/language.js')
const texts = Object.keys(JSON.parse(readFileSync(at('./src/words/fr.interface.json'), 'utf-8')))
const PACKAGES = /node_modules\/(graphiql|@graphiql\/[a-z-]+)\/dist\/.*\.js$/

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

// Where a text stands: as an attribute or a child, as a name in a table of texts, or in a template.
function places(text) {
  const literal = `"${escaped(text)}"`
  return [
    [new RegExp(`((?:children|label|title|success|error|newTab|[a-zA-Z]+Dialogs?|"aria-label"): )${literal}`, 'g'), '$1word(TEXT)'],
    [new RegExp(`(\\? |: |\\|\\| |const \\w+ = )${literal}(?=[ ;)}])`, 'g'), '$1word(TEXT)'],
    [new RegExp(`^(\\s+)${literal}:`, 'gm'), '$1[word(TEXT)]:'],
    [new RegExp(`\`${escaped(text)} \\(`, 'g'), '`${word(TEXT)} ('],
    [new RegExp(`(\\} )${escaped(text)}(?=\`|\\$\\{)`, 'g'), '$1${word(TEXT)}'],
  ]
}

const PLACES = Object.fromEntries(texts.map((text) => [text, places(text)]))

export function translateInterface() {
  const missing = new Set(texts)
  return {
    name: 'translate-interface',
    apply: 'build',
    transform(code, id) {
      if (!PACKAGES.test(id)) return null
      let translated = code
      for (const text of texts.filter((text) => code.includes(text))) {
        for (const [place, call] of PLACES[text]) {
          translated = translated.replace(place, (...found) => {
            missing.delete(text)
            return call.replace('$1', () => found[1] ?? '').replace('TEXT', () => JSON.stringify(text))
          })
        }
      }
      return translated === code ? null : { code: `import { word } from ${JSON.stringify(language)}\n${translated}`, map: null }
    },
    buildEnd(error) {
      if (!error && missing.size > 0) this.error(`GraphiQL has no such texts any more: ${[...missing].join('; ')}`)
    },
  }
}
