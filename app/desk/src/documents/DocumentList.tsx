// All documents of a case, and its case file.

import type { DocumentTileFragment } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { CaseFileButton } from './CaseFileButton'
import { DocumentTile } from './DocumentTile'

type Properties = { shown: { id: string; reference: string }; documents: readonly DocumentTileFragment[] }

export function DocumentList({ shown, documents }: Properties) {
  const { t } = useTranslation()
  return (
    <section aria-labelledby="documents-heading">
      <h2 id="documents-heading">{t('documents')}</h2>
      {documents.length === 0 ? (
        <p className="hint">{t('noDocuments')}</p>
      ) : (
        <ul className="tiles">
          {documents.map((document) => (
            <DocumentTile key={document.id} document={document} />
          ))}
        </ul>
      )}
      <CaseFileButton shown={shown} />
    </section>
  )
}
