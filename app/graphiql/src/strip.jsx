// The line below an answer: as whom the tab acts (to choose from, in demo mode), and what each placeholder stands for.

import { useGraphiQL, useGraphiQLActions } from '@graphiql/react'
import { useEffect, useRef, useSyncExternalStore } from 'react'

import { headersOf, isDemo, people, personIn } from './config.js'
import { word } from './language.js'
import { chooseActor, snapshot, subscribe } from './memory.js'

const inWords = (roles) => roles.map((role) => word(role.toLowerCase())).join(', ')

export function Strip() {
  const known = useSyncExternalStore(subscribe, snapshot)
  useSchemaOnceAllowed(known)
  useSameHeadersInNewTabs()
  return (
    <div className="casegate-strip">
      {isDemo ? <ActAs /> : <span>{word('Write your token into the Headers pane.')}</span>}
      <a href="docs">{word('Manual')}</a>
      <span className="casegate-known">
        {['case', 'version', 'override', 'reviewer'].map((name) => (
          <span key={name} title={known[name]?.id}>
            <code>${name}</code> {known[name]?.label ?? word('not known yet')}
          </span>
        ))}
      </span>
    </div>
  )
}

function ActAs() {
  const headerEditor = useGraphiQL((state) => state.headerEditor)
  const headers = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.headers)
  const operation = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.title)
  const actor = personIn(headers)
  const { updateActiveTabValues } = useGraphiQLActions()
  const choose = (event) => {
    const chosen = headersOf(people[event.target.value])
    headerEditor?.setValue(chosen)
    chooseActor(operation, people[event.target.value])
    // The editor tells the tab of a change after a moment only: changing tabs within it would lose the choice.
    updateActiveTabValues({ headers: chosen })
  }
  return (
    <label>
      {word('Act as')}{' '}
      <select value={actor ? people.indexOf(actor) : ''} onChange={choose}>
        {!actor && <option value="">{word('somebody else')}</option>}
        {people.map((person, index) => (
          <option key={person.id} value={index}>
            {person.display_name} ({inWords(person.roles)})
          </option>
        ))}
      </select>
    </label>
  )
}

// Outside demo mode the first introspection has no token; once an answer has come with data, the schema may come too.
function useSchemaOnceAllowed(known) {
  const { introspect } = useGraphiQLActions()
  const isMissing = useGraphiQL((state) => !state.schema && !state.isIntrospecting)
  useEffect(() => {
    if (isMissing && known.answered) introspect()
    // Only a new answer is a reason to ask again: a schema that stays refused must not be asked for in a loop.
  }, [known])
}

// A tab that was just added acts as the one that it was added from: GraphiQL gives it the headers of the page's start.
function useSameHeadersInNewTabs() {
  const headerEditor = useGraphiQL((state) => state.headerEditor)
  const tabs = useGraphiQL((state) => state.tabs)
  const active = useGraphiQL((state) => state.tabs[state.activeTabIndex])
  const { updateActiveTabValues } = useGraphiQLActions()
  const before = useRef({ ids: new Set(tabs.map(({ id }) => id)), headers: active?.headers })
  useEffect(() => {
    const { ids, headers } = before.current
    const isNew = active && !ids.has(active.id)
    if (isNew && headers && headers !== active.headers) {
      headerEditor?.setValue(headers)
      updateActiveTabValues({ headers })
    }
    before.current = {
      ids: new Set(tabs.map(({ id }) => id)),
      headers: isNew ? (headers ?? active.headers) : active?.headers,
    }
  }, [tabs, active?.id, active?.headers])
}
