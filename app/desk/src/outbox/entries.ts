// Facts about what is kept.

import type { MutationName } from '../api/mutations'
import type { Word } from '../i18n/en'
import type { Translate } from '../i18n/language'
import type { Entry, Refusal } from './queue'

export const NAMES: Record<MutationName, Word> = {
  openCase: 'openCase',
  addComment: 'comment',
  requestOverride: 'requestOverride',
  acceptOverride: 'accept',
  refuseOverride: 'refuse',
  cancelOverride: 'takeBack',
  closeCase: 'closeCase',
  recordStep: 'recordStep',
}

export function isKept({ refusals }: Entry): boolean {
  return refusals === null
}

// The words that came with it, wherever its input has them.
export function textOf({ input }: Entry): string {
  if ('body' in input) return input.body
  if ('reason' in input) return input.reason
  return ('comment' in input && input.comment) || ''
}

// The gateway's words, or why it was not asked.
export function messageOf({ code, message }: Refusal, t: Translate): string {
  if (code === 'TOO_OLD') return t('tooOld')
  return code === 'NOT_SENT' ? t('notSent') : message
}
