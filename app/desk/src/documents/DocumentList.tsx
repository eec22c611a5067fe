// All documents of a case.

import type { DocumentTileFragment } from '../gql/graphql'
import { useTranslation } from '../i18n/language'
import { DocumentTile } from './DocumentTile'

export function DocumentList({ documents }: { documents: readonly DocumentTileFragment[] }) {
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
    </section>
  )
}
