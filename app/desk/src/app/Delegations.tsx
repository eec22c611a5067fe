// Who decides in the viewer's place while they are away, and in whose place the viewer decides.

import { useState, type FormEvent } from 'react'
import { useMutation, useQuery } from 'urql'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'

import { graphql } from '../gql'
import type { DelegationsQuery } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { Dialog } from '../ui/Dialog'
import { ErrorMessages } from '../ui/ErrorMessages'
import { useViewer } from './ViewerProvider'

const DELEGATIONS = graphql(`
  query Delegations {
    viewer {
      id
      user {
        id
        delegation {
          delegate {
            id
            displayName
          }
          startsAt
          endsAt
        }
      }
      standsInFor {
        id
        displayName
        delegation {
          startsAt
          endsAt
        }
      }
    }
    users(role: REVIEWER, first: 100) {
      nodes {
        id
        displayName
        active
      }
    }
  }
`)

const DELEGATE = graphql(`
  mutation DelegateReviews($input: DelegateReviewsInput!) {
    payload: delegateReviews(input: $input) {
      errors {
        code
        message
      }
    }
  }
`)

const END = graphql(`
  mutation EndDelegation($input: EndDelegationInput!) {
    payload: endDelegation(input: $input) {
      errors {
        code
        message
      }
    }
  }
`)

export function DelegationsButton() {
  const { t } = useTranslation()
  const { names } = useFormat()
  const { user } = useViewer()
  const isReviewer = user.roles.includes('REVIEWER')
  const [isOpen, setIsOpen] = useState(false)
  const [{ data }, load] = useQuery({ query: DELEGATIONS, pause: !isReviewer, requestPolicy: 'cache-and-network' })
  if (!isReviewer) return null
  const away = data?.viewer.standsInFor.map(({ displayName }) => displayName) ?? []
  const open = () => {
    load({ requestPolicy: 'network-only' })
    setIsOpen(true)
  }
  return (
    <>
      <button type="button" className="button" onClick={open}>
        {away.length > 0 ? t('standsInFor', { names: names(away) }) : t('delegations')}
      </button>
      {isOpen && data && (
        <DelegationsDialog
          found={data}
          onChanged={() => load({ requestPolicy: 'network-only' })}
          onClose={() => setIsOpen(false)}
        />
      )}
    </>
  )
}

type Properties = { found: DelegationsQuery; onChanged: () => void; onClose: () => void }

function DelegationsDialog({ found, onChanged, onClose }: Properties) {
  const { t } = useTranslation()
  const { moment } = useFormat()
  const { user, standsInFor } = found.viewer
  return (
    <Dialog title={t('delegations')} onClose={onClose}>
      <h3>{t('inMyPlace')}</h3>
      {user.delegation ? <Mine found={found} onChanged={onChanged} /> : <Naming found={found} onChanged={onChanged} />}
      <h3>{t('inWhosePlace')}</h3>
      {standsInFor.length === 0 && <p className="hint">{t('inNobodysPlace')}</p>}
      <ul className="delegations">
        {standsInFor.map(({ id, displayName, delegation }) => (
          <li key={id}>
            {delegation ? t('nameUntil', { name: displayName, time: moment(delegation.endsAt) }) : displayName}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function Mine({ found, onChanged }: Omit<Properties, 'onClose'>) {
  const { t } = useTranslation()
  const { moment } = useFormat()
  const { id, delegation } = found.viewer.user
  const { messages, isSending, send } = useSending(END, onChanged)
  if (!delegation) return null
  const values = {
    name: delegation.delegate?.displayName ?? t('somebody'),
    from: moment(delegation.startsAt),
    time: moment(delegation.endsAt),
  }
  return (
    <>
      <p>{t('decidesForMe', values)}</p>
      {messages.length > 0 && <ErrorMessages messages={messages} />}
      <div className="buttons">
        <button type="button" className="button danger" disabled={isSending} onClick={() => void send({ userId: id })}>
          {t('endDelegation')}
        </button>
      </div>
    </>
  )
}

function Naming({ found, onChanged }: Omit<Properties, 'onClose'>) {
  const { t } = useTranslation()
  const [delegateId, setDelegateId] = useState('')
  const [lastDay, setLastDay] = useState('')
  const { messages, isSending, send } = useSending(DELEGATE, onChanged)
  const others = found.users?.nodes.filter(({ id, active }) => active && id !== found.viewer.user.id) ?? []
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send({ delegateId, endsAt: dayAfter(lastDay) })
  }
  return (
    <form className="form" onSubmit={submit}>
      <p className="hint">{t('delegationHint')}</p>
      <label>
        {t('delegate')}
        <select value={delegateId} required onChange={(event) => setDelegateId(event.target.value)}>
          <option value="">–</option>
          {others.map(({ id, displayName }) => (
            <option key={id} value={id}>
              {displayName}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t('lastDay')}
        <input type="date" required value={lastDay} onChange={(event) => setLastDay(event.target.value)} />
      </label>
      {messages.length > 0 && <ErrorMessages messages={messages} />}
      <div className="buttons">
        <button type="submit" className="button primary" disabled={isSending}>
          {t('startDelegation')}
        </button>
      </div>
    </form>
  )
}

type Sent = { payload: { errors: { message: string }[] } }

// Sends one mutation, and tells why it was not done; without a connection nothing is kept to be sent later.
function useSending<Input>(
  mutation: TypedDocumentNode<Sent, { input: Input }>,
  onDone: () => void,
): { messages: readonly string[]; isSending: boolean; send: (input: Input) => Promise<void> } {
  const { t } = useTranslation()
  const [messages, setMessages] = useState<readonly string[]>([])
  const [{ fetching }, execute] = useMutation(mutation)
  return {
    messages,
    isSending: fetching,
    send: async (input) => {
      const { data, error } = await execute({ input })
      if (data) setMessages(data.payload.errors.map(({ message }) => message))
      else setMessages(error?.networkError ? [t('unreachable')] : (error?.graphQLErrors.map(({ message }) => message) ?? []))
      if (data?.payload.errors.length === 0) onDone()
    },
  }
}

// A day is named as the last one; the time is without its end, in the viewer's own zone.
function dayAfter(day: string): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  return new Date(year, month - 1, date + 1).toISOString()
}
