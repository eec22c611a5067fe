// The case's log, the newest entry first.

import { useState } from 'react'
import { useQuery } from 'urql'

import { useLabels } from '../app/ViewerProvider'
import { DocumentTile } from '../documents/DocumentTile'
import { graphql } from '../gql'
import type { CaseDetailFragment, LogEntryFragment } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { stepName } from './steps'
import { useDescribe } from './useDescribe'

const OLDER = graphql(`
  query OlderEntries($id: ID!, $after: String!) {
    case(id: $id) {
      id
      actions(first: 50, after: $after) {
        nodes {
          ...LogEntry
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`)

type Log = Pick<CaseDetailFragment['actions'], 'nodes' | 'pageInfo'>
type Properties = { shown: CaseDetailFragment }

export function Timeline({ shown }: Properties) {
  return (
    <ol className="timeline">
      <Entries shown={shown} log={shown.actions} />
    </ol>
  )
}

function Entries({ shown, log }: Properties & { log: Log }) {
  const { t } = useTranslation()
  const [hasOlder, setHasOlder] = useState(false)
  const { hasNextPage, endCursor } = log.pageInfo
  return (
    <>
      {log.nodes.map((entry) => (
        <Entry key={entry.id} shown={shown} entry={entry} />
      ))}
      {hasNextPage && endCursor && hasOlder && <OlderEntries shown={shown} after={endCursor} />}
      {hasNextPage && !hasOlder && (
        <li>
          <button type="button" className="button" onClick={() => setHasOlder(true)}>
            {t('older')}
          </button>
        </li>
      )}
    </>
  )
}

function OlderEntries({ shown, after }: Properties & { after: string }) {
  const { t } = useTranslation()
  const [{ data }] = useQuery({ query: OLDER, variables: { id: shown.id, after } })
  if (!data?.case) return <li className="hint">{t('loading')}</li>
  return <Entries shown={shown} log={data.case.actions} />
}

function Entry({ shown, entry }: Properties & { entry: LogEntryFragment }) {
  const { t } = useTranslation()
  const label = useLabels()
  const describe = useDescribe()
  const { moment, names } = useFormat()
  const { authority, comment, evaluation, openSteps, override, reminder, step, stepState } = entry
  const erasure = comment?.erasure
  return (
    <li className={`entry ${entry.type.toLowerCase()}`}>
      <p className="entry-head">
        <span>
          {describe(entry)}
          {entry.statusBefore && entry.statusAfter !== entry.statusBefore && (
            <span className="muted">, {t('became', { status: label('CaseStatus', entry.statusAfter) })}</span>
          )}
        </span>
        <time dateTime={entry.createdAt}>
          <span className="muted">#{entry.seq}</span> {moment(entry.createdAt)}
        </time>
      </p>
      {override && entry.type === 'REQUEST_OVERRIDE' && (
        <p className="entry-fact">{t('asked', { result: label('RequestedStatus', override.requestedStatus) })}</p>
      )}
      {authority?.onBehalfOf && <p className="entry-fact">{t('inPlaceOf', { name: authority.onBehalfOf.displayName })}</p>}
      {reminder && (
        <p className="entry-fact">
          {t('reminderOf', { occasion: label('ReminderOccasion', reminder.occasion), time: moment(reminder.at) })}
        </p>
      )}
      {step && stepState && (
        <p className="entry-fact">{t('labelled', { label: stepName(shown, step), value: label('StepState', stepState) })}</p>
      )}
      {openSteps && openSteps.length > 0 && (
        <p className="entry-fact">{t('openThen', { steps: names(openSteps.map((key) => stepName(shown, key))) })}</p>
      )}
      {evaluation && (
        <p className="entry-fact">
          {t('resultBecame', {
            before: evaluation.statusBefore ? label('EvaluationStatus', evaluation.statusBefore) : '–',
            after: label('EvaluationStatus', evaluation.statusAfter),
          })}
        </p>
      )}
      {entry.resolution && (
        <p className="entry-fact">{t('outcome', { resolution: label('Resolution', entry.resolution) })}</p>
      )}
      {entry.reason && <p className="entry-fact">{entry.reason}</p>}
      {comment?.body && <p className="body">{comment.body}</p>}
      {erasure && <p className="hint">{t('erased', { time: moment(erasure.at), reason: erasure.reason ?? '' })}</p>}
      {comment && comment.documents.length > 0 && (
        <ul className="tiles">
          {comment.documents.map((document) => (
            <DocumentTile key={document.id} document={document} />
          ))}
        </ul>
      )}
    </li>
  )
}
