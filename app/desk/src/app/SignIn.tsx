// The first page: a demo's people to choose from, elsewhere a field for a token.

import { useState, type FormEvent } from 'react'

import { config } from '../config'
import { useTranslation } from '../i18n/language'
import { Preferences } from './Preferences'
import { Roles } from './Roles'
import { isDemo, rememberPerson, rememberToken, type SignedIn } from './session'

type Properties = { refusal: string | null; onSignIn: (session: SignedIn) => void }

export function SignIn({ refusal, onSignIn }: Properties) {
  const { t } = useTranslation()
  return (
    <div className="sign-in">
      <main id="content">
        <h1>
          <span className="brand">Casegate</span> {isDemo ? t('whoAreYou') : t('signIn')}
        </h1>
        {refusal !== null && <p role="alert">{t('signedOut', { message: refusal })}</p>}
        {isDemo ? <People onSignIn={onSignIn} /> : <TokenForm onSignIn={onSignIn} />}
      </main>
      <footer className="preferences">
        <Preferences />
      </footer>
    </div>
  )
}

function People({ onSignIn }: { onSignIn: (session: SignedIn) => void }) {
  const { t } = useTranslation()
  return (
    <>
      <p className="hint">{t('whoAreYouHint')}</p>
      <ul className="people">
        {config.people.map((person) => (
          <li key={person.id}>
            <button type="button" onClick={() => onSignIn(rememberPerson(person))}>
              <strong>{person.display_name}</strong>
              <Roles roles={person.roles} />
            </button>
          </li>
        ))}
      </ul>
    </>
  )
}

function TokenForm({ onSignIn }: { onSignIn: (session: SignedIn) => void }) {
  const { t } = useTranslation()
  const [token, setToken] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (token.trim()) onSignIn(rememberToken(token.trim()))
  }
  return (
    <form className="form" onSubmit={submit}>
      <label>
        {t('tokenLabel')}
        <input type="password" value={token} autoComplete="off" required onChange={(event) => setToken(event.target.value)} />
      </label>
      <p className="hint">{t('tokenHint')}</p>
      <button type="submit" className="button primary">
        {t('signIn')}
      </button>
    </form>
  )
}
