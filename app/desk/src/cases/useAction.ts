// One action on a case, from the moment when its form is opened: the version that the viewer has read then goes with it, so
// that the gateway refuses what rests on an old reading. What happened since is told, and nothing is sent again by itself.

import { useState } from 'react'

import type { Inputs, MutationName } from '../api/mutations'
import type { CaseDetailFragment, LogEntryFragment } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { useQueue } from '../outbox/OutboxProvider'
import type { Refusal } from '../outbox/queue'
import { useAnnounce } from '../ui/Notices'

// `unshown`: how many entries happened since that are older than the part of the log that is here.
export type Changes = { entries: readonly LogEntryFragment[]; unshown: number; acknowledge: () => void }

export type ActionDialogProperties = { shown: CaseDetailFragment; onClose: () => void }

export type Action = {
  expectedVersion: number
  perform: <Name extends MutationName>(name: Name, input: Inputs[Name]) => Promise<void>
  isSending: boolean
  refusals: readonly Refusal[]
  changes: Changes
}

export function useAction(shown: CaseDetailFragment, onDone: () => void): Action {
  const { t } = useTranslation()
  const queue = useQueue()
  const announce = useAnnounce()
  const [read, setRead] = useState({ version: shown.version, seq: newestSeq(shown) })
  const [isSending, setIsSending] = useState(false)
  const [refusals, setRefusals] = useState<readonly Refusal[]>([])

  const entries = shown.actions.nodes.filter(({ seq }) => seq > read.seq).toReversed()

  return {
    expectedVersion: queue.versionAfterKept({ id: shown.id, reference: shown.reference, version: read.version }),
    isSending,
    refusals,
    changes: {
      entries,
      unshown: newestSeq(shown) - read.seq - entries.length,
      acknowledge: () => {
        setRead({ version: shown.version, seq: newestSeq(shown) })
        setRefusals([])
      },
    },
    perform: async (name, input) => {
      setIsSending(true)
      const outcome = await queue.perform(name, input, shown)
      setIsSending(false)
      if (outcome.state === 'refused') {
        setRefusals(outcome.refusals)
        return
      }
      if (outcome.state === 'kept') announce(t('kept'))
      onDone()
    },
  }
}

function newestSeq({ actions }: CaseDetailFragment): number {
  return actions.nodes[0]?.seq ?? 0
}
