// The session: who is signed in, with a client and a queue of their own, so that nothing of one person is left to another.

import { useCallback, useMemo, useState } from 'react'
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

  const signIn = useCallback((next: SignedIn) => {
    setRefusal(null)
    setSession(next)
  }, [])
  const signOut = useCallback((reason: string | null) => {
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
  onSignOut: (reason: string | null) => void
}

function Signed({ session, onSignIn, onSignOut }: Properties) {
  const { language } = useTranslation()
  const { token } = session
  const client = useMemo(() => makeClient({ token, language, onRefusedToken: onSignOut }), [token, language, onSignOut])
  const value = useMemo(
    () => ({ ...session, signIn: onSignIn, signOut: () => onSignOut(null) }),
    [session, onSignIn, onSignOut],
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
