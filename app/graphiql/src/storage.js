// Decides what GraphiQL may keep in the browser between two visits.
//
// In demo mode it keeps the theme and the sizes of the panes, but never the tabs: their headers hold the tokens of one
// start of the server, and a tab restored without or with an old token would only answer UNAUTHENTICATED.

import { isDemo } from './config.js'

const OF_THE_TABS = ['tabState', 'query', 'variables', 'headers', 'shouldPersistHeaders'].map(
  (key) => `graphiql:${key}`,
)
// A new version forgets tabs that an older page stored.
const PREFIX = 'casegate:1:'

const isKept = (key) => !(isDemo && OF_THE_TABS.includes(key))
const ownKeys = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX))

export const storage = {
  getItem: (key) => (isKept(key) ? localStorage.getItem(PREFIX + key) : null),
  setItem: (key, value) => {
    if (isKept(key)) localStorage.setItem(PREFIX + key, value)
  },
  removeItem: (key) => localStorage.removeItem(PREFIX + key),
  clear: () => ownKeys().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return ownKeys().length
  },
}
