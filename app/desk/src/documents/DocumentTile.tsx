// One document: its name, what could be wrong with it, and its preview.

import { useState } from 'react'

import { useLabels } from '../app/ViewerProvider'
import type { DocumentTileFragment } from '../gql/graphql'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { Icon } from '../ui/Icon'
import { Preview } from './Preview'

export function DocumentTile({ document }: { document: DocumentTileFragment }) {
  const { t } = useTranslation()
  const label = useLabels()
  const { size } = useFormat()
  const [isOpen, setIsOpen] = useState(false)
  if (document.filename == null) {
    return (
      <li className="tile">
        <Icon name="file" /> <span className="muted">{t('erasedContent')}</span>
      </li>
    )
  }
  return (
    <li className="tile">
      <Icon name="file" />
      <div>
        <button type="button" className="tile-name" onClick={() => setIsOpen(true)}>
          {document.filename}
        </button>
        <p className="muted">
          {document.contentType}, {size(document.sizeBytes)}
        </p>
        {document.warnings.map((warning) => (
          <p key={warning} className="warning">
            <Icon name="warning" /> {label('DocumentWarning', warning)}
          </p>
        ))}
      </div>
      {isOpen && <Preview document={document} filename={document.filename} onClose={() => setIsOpen(false)} />}
    </li>
  )
}
