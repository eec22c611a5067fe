// A document as far as it can be shown without trust: people upload documents to deceive. The bytes are fetched, and get one
// of a few types that the page chooses; others, as those of office programs, are downloaded.

import { useClient } from 'urql'

import type { DocumentTileFragment } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { Dialog } from '../ui/Dialog'
import sheet from './preview.css?url'
import { useContent } from './useContent'
import type { Shown } from './content'

type Properties = { document: DocumentTileFragment; filename: string; onClose: () => void }

export function Preview({ document, filename, onClose }: Properties) {
  const { t } = useTranslation()
  const content = useContent(useClient(), document)
  return (
    <Dialog title={filename} onClose={onClose} isWide>
      {content === 'loading' && <p className="hint">{t('loading')}</p>}
      {content === 'gone' && <p role="alert">{t('noPreview')}</p>}
      {typeof content === 'object' && (
        <>
          {content.shown && <Frame shown={content.shown} title={t('previewOf', { name: filename })} />}
          <div className="buttons">
            <a className="button" href={content.link} download={filename}>
              {t('download')}
            </a>
            {document.sha256 && <code className="digest">SHA-256 {document.sha256}</code>}
          </div>
        </>
      )}
    </Dialog>
  )
}

function Frame({ shown, title }: { shown: Shown; title: string }) {
  switch (shown.kind) {
    case 'image': {
      const page = `<!doctype html><link rel="stylesheet" href="${sheet}"><img alt="" src="${shown.url}">`
      return <iframe className="preview" sandbox="" srcDoc={page} title={title} />
    }
    case 'pdf':
      // Chromium shows no PDF in a frame with `sandbox`. Its viewer, as those of other browsers, keeps the document in a
      // process of its own, and the frame has the page's policy: no script of this origin, and no request.
      // oxlint-disable-next-line react/iframe-missing-sandbox
      return <iframe className="preview" src={shown.url} title={title} />
    case 'text':
      return <textarea className="preview" readOnly aria-label={title} value={shown.text} />
  }
}
