// The page around its parts: the bar above, the worklist, and the case beside it.

import { CaseView } from '../cases/CaseView'
import { useTranslation } from '../i18n/language'
import { OutboxProvider } from '../outbox/OutboxProvider'
import { Worklist } from '../worklist/Worklist'
import { Colleagues } from './Colleagues'
import { TopBar } from './TopBar'
import { useViewer } from './ViewerProvider'
import { useCaseReference } from './router'

export function Shell() {
  const { t } = useTranslation()
  const viewer = useViewer()
  const reference = useCaseReference()
  return (
    <OutboxProvider personId={viewer.user.id}>
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      <Colleagues />
      <TopBar />
      <main id="content" tabIndex={-1} className={reference ? 'panes with-case' : 'panes'}>
        <Worklist current={reference} />
        {reference ? <CaseView key={reference} reference={reference} /> : <Placeholder />}
      </main>
    </OutboxProvider>
  )
}

function Placeholder() {
  const { t } = useTranslation()
  return (
    <div className="placeholder">
      <p>
        <strong>{t('chooseCase')}</strong>
      </p>
      <p>{t('chooseCaseHint')}</p>
    </div>
  )
}
