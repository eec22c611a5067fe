// Who is looking, and what the gateway calls the members of its enums in the language of the page.

import { createContext, use, useMemo, type ReactNode } from 'react'
import { useQuery } from 'urql'

import { graphql } from '../gql'
import type { ViewerQuery } from '../gql/graphql'
import { useTranslation } from '../i18n/language'

const VIEWER = graphql(`
  query Viewer($language: Language!) {
    viewer {
      id
      user {
        id
        displayName
        roles
      }
      account {
        id
        name
      }
    }
    labels(language: $language) {
      enum
      value
      text
    }
  }
`)

type Viewer = ViewerQuery['viewer']
type Label = (enumName: string, value: string) => string

const ViewerContext = createContext<{ viewer: Viewer; label: Label } | null>(null)

export function ViewerProvider({ children }: { children: ReactNode }) {
  const { t, language } = useTranslation()
  const [{ data, error, fetching }, load] = useQuery({ query: VIEWER, variables: { language } })
  const known = useMemo(() => data && { viewer: data.viewer, label: labeller(data.labels) }, [data])
  if (known) return <ViewerContext value={known}>{children}</ViewerContext>
  if (fetching || !error) return <p className="lonely">{t('loading')}</p>
  return (
    <div className="lonely">
      <p role="alert">{error.networkError ? t('unreachable') : error.graphQLErrors.map(({ message }) => message).join(' ')}</p>
      <button type="button" className="button" onClick={() => load({ requestPolicy: 'network-only' })}>
        {t('tryAgain')}
      </button>
    </div>
  )
}

function labeller(labels: ViewerQuery['labels']): Label {
  const texts = new Map(labels.map((label) => [`${label.enum}.${label.value}`, label.text]))
  return (enumName, value) => texts.get(`${enumName}.${value}`) ?? value
}

export function useViewer(): Viewer {
  return useKnown().viewer
}

export function useLabels(): Label {
  return useKnown().label
}

function useKnown() {
  const known = use(ViewerContext)
  if (!known) throw new Error('useViewer and useLabels need a ViewerProvider')
  return known
}
