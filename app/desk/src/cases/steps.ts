// Facts about the steps of a checklist.

import type { CaseDetailFragment } from '../gql/graphql'
import type { Word } from '../i18n/en'

export type Step = CaseDetailFragment['checklist'][number]

// What waits for it, if anything does.
export function neededFor({ requiredToAccept, requiredToClose }: Step): Word | null {
  if (requiredToAccept && requiredToClose) return 'neededForBoth'
  if (requiredToAccept) return 'neededToAccept'
  return requiredToClose ? 'neededToClose' : null
}

// What a step is called; by its key, where it is no step of the account any more.
export function stepName({ checklist }: Pick<CaseDetailFragment, 'checklist'>, key: string): string {
  return checklist.find((step) => step.key === key)?.label ?? key
}
