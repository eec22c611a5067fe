// Says what colleagues do, as it happens.

import { useDescribe } from '../cases/useDescribe'
import { useTranslation } from '../i18n/language'
import { useLogRows } from '../live/LiveProvider'
import { useAnnounce } from '../ui/Notices'
import { useViewer } from './ViewerProvider'

export function Colleagues() {
  const { t } = useTranslation()
  const viewer = useViewer()
  const announce = useAnnounce()
  const describe = useDescribe()
  useLogRows((row) => {
    if (row.user?.id === viewer.user.id || !row.case) return
    announce(t('colleague', { what: describe(row), reference: row.case.reference }))
  })
  return null
}
