// Remembers the ids in the last answers, and puts them where variables say "$case", "$override", "$reviewer", "$change" or
// "$service"; and for "$version" the version of that case, which is the one that was read last.
//
// It lasts as long as the browser's tab, so that a reload goes on with the same case. It holds ids and references, never
// a token, and is dropped where the page's people are others: then it is another database.

import { isDemo, opener, people, reviewer } from './config.js'

const KEY = 'casegate:ids'
const owner = opener?.id ?? null

let known = { ...(isDemo && reviewer ? { reviewer: { id: reviewer.id, label: reviewer.display_name } } : {}), ...stored() }
const listeners = new Set()

export function snapshot() {
  return known
}

export function subscribe(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function learn(data) {
  const seen = { ...known }
  seen.answered = true
  visit(data, seen)
  known = seen
  sessionStorage.setItem(KEY, JSON.stringify({ owner, known }))
  listeners.forEach((listener) => listener())
}

function stored(key = KEY) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key))
    return kept?.owner === owner ? kept.known : {}
  } catch {
    return {}
  }
}

// Whom somebody has chosen to act as, by the name of the tab's operation: the person's id, since tokens are not kept.
const ACTORS = 'casegate:actors'

export const actorOf = (operation) => people.find(({ id }) => id === stored(ACTORS)[operation])

export function chooseActor(operation, person) {
  sessionStorage.setItem(ACTORS, JSON.stringify({ owner, known: { ...stored(ACTORS), [operation]: person.id } }))
}

function visit(value, seen) {
  if (value === null || typeof value !== 'object') return
  for (const [key, child] of Object.entries(value)) {
    if (key === 'case' && child?.id) seen.case = { id: child.id, label: child.reference ?? child.id }
    if (key === 'case' && child?.version) seen.version = { id: child.version, label: child.version }
    if ((key === 'override' || key === 'activeOverride') && child?.id) seen.override = { id: child.id, label: child.id }
    if (key === 'change' && child?.status === 'PENDING') seen.change = { id: child.id, label: child.id }
    if (key === 'createServiceAccount' && child?.user) {
      seen.service = { id: child.user.id, label: child.user.displayName }
    }
    if (key === 'viewer' && child?.user?.id) seen.viewer = child.user.id
    if (key === 'users') seen.reviewer ??= firstColleague(child, seen.viewer)
    visit(child, seen)
  }
}

function firstColleague(users, viewer) {
  const user = users?.nodes?.find(({ id }) => id && id !== viewer)
  return user && { id: user.id, label: user.displayName ?? user.id }
}

// Returns the variables with every placeholder replaced, and the placeholders that nothing is known for yet.
export function fill(variables) {
  const missing = []
  const filled = JSON.parse(JSON.stringify(variables ?? {}), (_key, value) => {
    if (value === '$fresh') return freshReference()
    if (value === '$tomorrow') return new Date(Date.now() + 86_400_000).toISOString()
    if (value === '$viewer' && known.viewer) return known.viewer
    if (value === '$address') return `${freshReference().toLowerCase()}@brightwater.example`
    const name = /^\$(case|override|reviewer|version|change|service|viewer)$/.exec(value)?.[1]
    if (!name) return value
    if (!known[name]) missing.push(value)
    return known[name]?.id ?? value
  })
  return { filled, missing }
}

// Not crypto.randomUUID, which browsers offer on https and localhost only.
function freshReference() {
  const bytes = crypto.getRandomValues(new Uint8Array(4))
  return `SUP-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
