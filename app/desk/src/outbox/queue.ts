// What was done and is not answered yet, of one person: kept in the browser, sent one after the other in the order in which
// it was done. Each has an idempotency key, so that one whose answer was lost can be sent again and is done once.

import type { Client } from '@urql/core'

import { retryDelay } from '../api/client'
import { MUTATIONS, type Inputs, type MutationName, type Payload } from '../api/mutations'
import type { ErrorCode, LogEntryFragment } from '../gql/graphql'

export type Refusal = {
  code: ErrorCode | 'TOO_OLD' | 'NOT_SENT'
  message: string
  case?: { id: string; reference: string } | null
  actionsSince?: LogEntryFragment[] | null
}
export type QueuedCase = { id: string; reference: string; version: number }
export type Entry<Name extends MutationName = MutationName> = {
  name: Name
  input: Inputs[Name]
  key: string
  at: number
  case: QueuedCase | null
  refusals: Refusal[] | null
}
export type Outcome =
  | { state: 'done'; payload: Payload }
  | { state: 'kept' }
  | { state: 'refused'; refusals: Refusal[] }

// The gateway remembers a key for 24 hours; sent later, an action whose answer was lost would be done twice.
const LIFETIME_MS = 23 * 60 * 60 * 1000

export class Queue {
  #listeners = new Set<() => void>()
  #waiting = new Map<string, (outcome: Outcome) => void>()
  #entries: readonly Entry[]
  #isSending = false
  #hasEnded = false
  #timer: number | undefined
  readonly #client: Client
  readonly #place: string

  constructor(client: Client, personId: string) {
    this.#client = client
    this.#place = `casegate.desk.outbox.${personId}`
    this.#entries = this.#read()
  }

  // Sends what is kept, now and whenever the browser is online again. Returns what ends that: who has signed out does
  // nothing more, and what is kept waits for them.
  start(): () => void {
    this.#hasEnded = false
    const send = () => void this.#send()
    const readAgain = ({ key }: StorageEvent) => key === this.#place && this.#show(this.#read())
    window.addEventListener('online', send)
    window.addEventListener('storage', readAgain)
    send()
    return () => {
      this.#hasEnded = true
      window.removeEventListener('online', send)
      window.removeEventListener('storage', readAgain)
      clearTimeout(this.#timer)
    }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  readonly snapshot = (): readonly Entry[] => this.#entries

  // Does *name* with *input*, as soon as it can be. A refusal that comes at once is returned, and not kept.
  perform<Name extends MutationName>(name: Name, input: Inputs[Name], on: QueuedCase | null): Promise<Outcome> {
    const key = newKey()
    const entry: Entry<Name> = {
      name,
      input: { ...input, idempotencyKey: key },
      key,
      at: Date.now(),
      case: on,
      refusals: null,
    }
    const outcome = new Promise<Outcome>((resolve) => this.#waiting.set(key, resolve))
    this.#change((entries) => [...entries, entry])
    void this.#send()
    return outcome
  }

  // The version that *on* has once what is kept of it is done: each action makes it one more, and one of somebody else too many.
  versionAfterKept(on: QueuedCase): number {
    return on.version + this.#entries.filter((entry) => entry.case?.id === on.id && !entry.refusals).length
  }

  remove(key: string): void {
    this.#change((entries) => entries.filter((entry) => entry.key !== key))
  }

  async #send(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    clearTimeout(this.#timer)
    for (let next = this.#next(); next && !this.#hasEnded; next = this.#next()) {
      const delay = await this.#sendOne(next)
      if (delay !== null) {
        this.#keepAll()
        if (!this.#hasEnded) this.#timer = setTimeout(() => void this.#send(), delay)
        break
      }
    }
    if (this.#hasEnded) this.#keepAll()
    this.#isSending = false
  }

  // Returns in how many milliseconds to try again; null where the entry is dealt with.
  async #sendOne<Name extends MutationName>(entry: Entry<Name>): Promise<number | null> {
    if (Date.now() - entry.at > LIFETIME_MS) return this.#refuse(entry, [{ code: 'TOO_OLD', message: '' }])
    const { data, error } = await this.#client.mutation(MUTATIONS[entry.name], { input: entry.input }).toPromise()
    const delay = error ? retryDelay(error) : null
    if (delay !== null) return delay
    if (!data) return this.#refuse(entry, (error?.graphQLErrors ?? []).map(refusalOf))
    if (data.payload.errors.length > 0) return this.#refuse(entry, data.payload.errors)
    if (data.payload.replayed) this.#refuseRestingOn(entry)
    this.remove(entry.key)
    this.#settle(entry.key, { state: 'done', payload: data.payload })
    return null
  }

  #next(): Entry | undefined {
    return this.#entries.find(({ refusals }) => !refusals)
  }

  #refuse(entry: Entry, refusals: Refusal[]): null {
    this.#refuseRestingOn(entry)
    this.#end(entry.key, refusals)
    return null
  }

  // The version that a later action on the case names counts on *entry* to make one more. Where that is not done, or was done
  // before the case was read, an action of somebody else may have made it, which nobody here has read.
  #refuseRestingOn(entry: Entry): void {
    const later = this.#entries.slice(this.#entries.findIndex(({ key }) => key === entry.key) + 1)
    for (const { key, case: on, input, refusals } of later) {
      const namesVersion = 'expectedVersion' in input && input.expectedVersion != null
      if (on && on.id === entry.case?.id && namesVersion && !refusals) this.#end(key, [{ code: 'NOT_SENT', message: '' }])
    }
  }

  #end(key: string, refusals: Refusal[]): void {
    if (this.#waiting.has(key)) this.remove(key)
    else this.#change((entries) => entries.map((entry) => (entry.key === key ? { ...entry, refusals } : entry)))
    this.#settle(key, { state: 'refused', refusals })
  }

  #keepAll(): void {
    for (const key of this.#waiting.keys()) this.#settle(key, { state: 'kept' })
  }

  #settle(key: string, outcome: Outcome): void {
    this.#waiting.get(key)?.(outcome)
    this.#waiting.delete(key)
  }

  // Reads first: another tab of the same person may have changed what is kept.
  #change(change: (entries: readonly Entry[]) => readonly Entry[]): void {
    const entries = change(this.#read())
    localStorage.setItem(this.#place, JSON.stringify(entries))
    this.#show(entries)
  }

  #show(entries: readonly Entry[]): void {
    this.#entries = entries
    for (const listener of this.#listeners) listener()
  }

  #read(): readonly Entry[] {
    return JSON.parse(localStorage.getItem(this.#place) ?? '[]')
  }
}

// crypto.randomUUID is there on secure origins alone, and the demo may be looked at over plain HTTP.
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function refusalOf({ message, extensions }: { message: string; extensions: Record<string, unknown> }): Refusal {
  return { code: (extensions['code'] ?? 'INTERNAL_ERROR') as ErrorCode, message }
}
