// The session for the parts of the page that need its token, or change it.

import { createContext, use } from 'react'

import type { SignedIn } from './session'

type Session = SignedIn & { signIn: (session: SignedIn) => void; signOut: () => void }

const SessionContext = createContext<Session | null>(null)

export const SessionProvider = SessionContext.Provider

export function useSession(): Session {
  const session = use(SessionContext)
  if (!session) throw new Error('useSession needs a SessionProvider')
  return session
}
