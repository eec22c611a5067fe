// A row of the log as a sentence.

import { useCallback } from 'react'

import { useLabels } from '../app/ViewerProvider'
import type { ActionType } from '../gql/graphql'
import { en, type Word } from '../i18n/en'
import { useTranslation } from '../i18n/language'

type Row = { type: ActionType; user?: { displayName: string } | null }

export function useDescribe(): (row: Row) => string {
  const { t } = useTranslation()
  const label = useLabels()
  return useCallback(
    ({ type, user }) => {
      const name = user?.displayName ?? t('somebody')
      const word = `did_${type}`
      return isWord(word) ? t(word, { name }) : t('did_other', { name, action: label('ActionType', type) })
    },
    [t, label],
  )
}

// Types that have no sentence of their own are called as the gateway calls them: a newer one shows too.
function isWord(word: string): word is Word {
  return word in en
}
