// The people who may be asked to decide, to choose from; who may not is shown too, with why.

import { useQuery } from 'urql'
import { useState } from 'react'

import { graphql } from '../gql'
import { useTranslation } from '../i18n/language'

const REVIEWERS = graphql(`
  query Reviewers($id: ID!, $search: String) {
    case(id: $id) {
      id
      eligibleReviewers(first: 50, search: $search, orderBy: { field: NAME }) {
        edges {
          eligible
          message
          node {
            id
            displayName
          }
        }
        pageInfo {
          hasNextPage
        }
      }
    }
  }
`)

type Properties = { caseId: string; chosen: readonly string[]; onChange: (chosen: readonly string[]) => void }

export function Reviewers({ caseId, chosen, onChange }: Properties) {
  const { t } = useTranslation()
  const [search, setSearch] = useState('')
  const [{ data }] = useQuery({ query: REVIEWERS, variables: { id: caseId, search: search.trim() || null } })
  const found = data?.case?.eligibleReviewers
  const people = found?.edges.filter(({ eligible }) => eligible) ?? []
  const others = found?.edges.filter(({ eligible, message }) => !eligible && message) ?? []
  const toggle = (id: string) => onChange(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id])
  return (
    <fieldset className="reviewers">
      <legend>
        {t('reviewers')} <span className="muted">{t('reviewersHint')}</span>
      </legend>
      {(found?.pageInfo.hasNextPage || search) && (
        <label>
          <span className="visually-hidden">{t('findPeople')}</span>
          <input type="search" value={search} placeholder={t('findPeople')} onChange={(event) => setSearch(event.target.value)} />
        </label>
      )}
      <div className="choices">
        {people.map(({ node }) => (
          <label key={node.id} className="choice">
            <input type="checkbox" checked={chosen.includes(node.id)} onChange={() => toggle(node.id)} />
            {node.displayName}
          </label>
        ))}
      </div>
      {others.length > 0 && (
        <details>
          <summary>{t('notEligible')}</summary>
          <ul className="reasons">
            {others.map(({ node, message }) => (
              <li key={node.id}>
                {node.displayName}: {message}
              </li>
            ))}
          </ul>
        </details>
      )}
    </fieldset>
  )
}
