// A case: what it is, what was done, and what the viewer can do. It is read again when anybody does something to it.

import { useEffect, useRef } from 'react'

import { useStandingQuery } from '../api/useStandingQuery'
import { CaseLink } from '../app/CaseLink'
import { DocumentList } from '../documents/DocumentList'
import { graphql } from '../gql'
import { useTranslation } from '../i18n/language'
import { useFresh, useRevision } from '../live/useRevision'
import { Icon } from '../ui/Icon'
import { Actions } from './Actions'
import { CaseHeader } from './CaseHeader'
import { Checklist } from './Checklist'
import { CommentForm } from './CommentForm'
import { Facts } from './Facts'
import { KeptEntries } from './KeptEntries'
import { PendingOverride } from './PendingOverride'
import { Timeline } from './Timeline'

const CASE = graphql(`
  query Case($reference: String!) {
    case(reference: $reference) {
      ...CaseDetail
    }
  }
`)

export function CaseView({ reference }: { reference: string }) {
  const { t } = useTranslation()
  const revision = useRevision((row) => row.case?.reference === reference)
  const [{ data, error }, load] = useStandingQuery({ query: CASE, variables: { reference }, context: useFresh(revision) })
  const shown = data?.case
  const article = useRef<HTMLElement>(null)
  // Who has followed a link to the case goes on reading there.
  const isShown = Boolean(shown)
  useEffect(() => {
    if (isShown) article.current?.focus()
  }, [isShown])

  return (
    <article className="case" ref={article} tabIndex={-1} aria-labelledby="case-heading">
      <CaseLink reference={null} className="back">
        <Icon name="back" /> {t('backToList')}
      </CaseLink>
      {shown ? (
        <>
          <CaseHeader shown={shown} />
          <PendingOverride shown={shown} />
          <div className="case-columns">
            <div className="case-todo">
              <Actions shown={shown} />
              <Checklist shown={shown} />
            </div>
            <div className="case-main">
              <section aria-labelledby="timeline-heading">
                <h2 id="timeline-heading">{t('timeline')}</h2>
                <CommentForm shown={shown} />
                <KeptEntries caseId={shown.id} />
                <Timeline shown={shown} />
              </section>
            </div>
            <aside className="case-side">
              <DocumentList shown={shown} documents={shown.documents.nodes} />
              <Facts shown={shown} />
            </aside>
          </div>
        </>
      ) : (
        <div className="hint" id="case-heading">
          {error ? (
            <>
              <p role="alert">{error.networkError ? t('unreachable') : error.graphQLErrors.map(({ message }) => message).join(' ')}</p>
              <button type="button" className="button" onClick={() => load({ requestPolicy: 'network-only' })}>
                {t('tryAgain')}
              </button>
            </>
          ) : (
            <p>{data ? t('noSuchCase', { reference }) : t('loading')}</p>
          )}
        </div>
      )}
    </article>
  )
}
