// The token of this tab. In demo mode it is that of the person who was chosen, whose id alone is kept; elsewhere the token
// is kept in the tab's own storage, and is gone with the tab.

import { config, type DemoPerson } from '../config'

const PERSON = 'casegate.desk.person'
const TOKEN = 'casegate.desk.token'

export type SignedIn = { token: string; person: DemoPerson | null }

export const isDemo = config.people.length > 0

export function restore(): SignedIn | null {
  if (isDemo) {
    const person = config.people.find(({ id }) => id === sessionStorage.getItem(PERSON))
    return person ? { token: person.token, person } : null
  }
  const token = sessionStorage.getItem(TOKEN)
  return token ? { token, person: null } : null
}

export function rememberPerson(person: DemoPerson): SignedIn {
  sessionStorage.setItem(PERSON, person.id)
  return { token: person.token, person }
}

export function rememberToken(token: string): SignedIn {
  sessionStorage.setItem(TOKEN, token)
  return { token, person: null }
}

export function forget(): void {
  sessionStorage.removeItem(PERSON)
  sessionStorage.removeItem(TOKEN)
}
