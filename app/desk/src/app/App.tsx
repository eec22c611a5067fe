// The session: who is signed in, with a client and a queue of their own, so that nothing of one person is left to another.

import { useCallback, useMemo, useRef, useState } from 'react'
import { Provider } from 'urql'

import { makeClient } from '../api/client'
import { useTranslation } from '../i18n/language'
import { LiveProvider } from '../live/LiveProvider'
import { NoticeProvider } from '../ui/Notices'
import { SessionProvider } from './SessionProvider'
import { Shell } from './Shell'
import { SignIn } from './SignIn'
import { ViewerProvider } from './ViewerProvider'
import { forget, restore, type SignedIn } from './session'

export function App() {
  const [session, setSession] = useState(restore)
  const [refusal, setRefusal] = useState<string | null>(null)
  const token = useRef(session?.token)

  const signIn = useCallback((next: SignedIn) => {
    token.current = next.token
    setRefusal(null)
    setSession(next)
  }, [])
  const signOut = useCallback((ended: string, reason: string | null) => {
    if (token.current !== ended) return // an answer that came late, to a session that is over
    token.current = undefined
    forget()
    setRefusal(reason)
    setSession(null)
  }, [])

  if (!session) return <SignIn refusal={refusal} onSignIn={signIn} />
  return <Signed key={session.token} session={session} onSignIn={signIn} onSignOut={signOut} />
}

type Properties = {
  session: SignedIn
  onSignIn: (session: SignedIn) => void
  onSignOut: (token: string, reason: string | null) => void
}

function Signed({ session, onSignIn, onSignOut }: Properties) {
  const { language } = useTranslation()
  const { token } = session
  const client = useMemo(
    () => makeClient({ token, language, onRefusedToken: (reason) => onSignOut(token, reason) }),
    [token, language, onSignOut],
  )
  const value = useMemo(
    () => ({ ...session, signIn: onSignIn, signOut: () => onSignOut(token, null) }),
    [session, token, onSignIn, onSignOut],
  )
  return (
    <SessionProvider value={value}>
      <Provider value={client}>
        <LiveProvider token={token}>
          <ViewerProvider>
            <NoticeProvider>
              <Shell />
            </NoticeProvider>
          </ViewerProvider>
        </LiveProvider>
      </Provider>
    </SessionProvider>
  )
}
