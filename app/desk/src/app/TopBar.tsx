// The bar above: where one is, how the connection is, who one is.

import { useEffect, useRef } from 'react'

import { useTranslation } from '../i18n/language'
import { useConnection } from '../live/LiveProvider'
import { OutboxButton } from '../outbox/Outbox'
import { config } from '../config'
import { CaseLink } from './CaseLink'
import { DelegationsButton } from './Delegations'
import { Preferences } from './Preferences'
import { Roles } from './Roles'
import { useSession } from './SessionProvider'
import { useViewer } from './ViewerProvider'
import { rememberPerson } from './session'

export function TopBar() {
  const viewer = useViewer()
  const bar = useRef<HTMLElement>(null)
  useEffect(() => (bar.current ? tellHeight(bar.current) : undefined), [])
  return (
    <header ref={bar} className="top-bar">
      <p className="brand-line">
        <CaseLink reference={null} className="brand">
          Casegate
        </CaseLink>{' '}
        <span className="account">{viewer.account.name}</span>
      </p>
      <ConnectionState />
      <OutboxButton />
      <DelegationsButton />
      <div className="preferences">
        <Person />
        <Preferences />
      </div>
    </header>
  )
}

/** Tell the style sheets how high the bar is, which has two lines where its words are long; return what ends it. */
function tellHeight(bar: HTMLElement) {
  const tell = () => document.documentElement.style.setProperty('--bar', `${bar.getBoundingClientRect().height}px`)
  const observer = new ResizeObserver(tell)
  observer.observe(bar)
  return () => observer.disconnect()
}

function ConnectionState() {
  const { t } = useTranslation()
  const connection = useConnection()
  return (
    <output className={`connection ${connection}`}>{t(connection)}</output>
  )
}

function Person() {
  const { t } = useTranslation()
  const { person, signIn, signOut } = useSession()
  const { user } = useViewer()
  const choose = (id: string) => {
    const chosen = config.people.find((candidate) => candidate.id === id)
    if (chosen) signIn(rememberPerson(chosen))
  }
  return (
    <>
      {person ? (
        <label>
          <span className="visually-hidden">{t('actAs')}</span>
          <select value={person.id} onChange={(event) => choose(event.target.value)}>
            {config.people.map((candidate) => (
              <option key={candidate.id} value={candidate.id}>
                {candidate.display_name} ({candidate.roles.map((role) => t(`role_${role}`)).join(', ')})
              </option>
            ))}
          </select>
        </label>
      ) : (
        <span className="person">
          {user.displayName} <Roles roles={user.roles} />
        </span>
      )}
      <button type="button" className="button quiet" onClick={signOut}>
        {t('signOut')}
      </button>
    </>
  )
}
