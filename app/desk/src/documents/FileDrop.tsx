// Where files are dropped, or chosen by a button, and how far each is.

import { useId, useState, type DragEvent, type ReactNode } from 'react'

import { useLabels } from '../app/ViewerProvider'
import { useFormat } from '../i18n/format'
import { useTranslation } from '../i18n/language'
import { Icon } from '../ui/Icon'
import type { Upload, Uploads } from './useUploads'

export function FileDrop({ uploads, children }: { uploads: Uploads; children?: ReactNode }) {
  const { t } = useTranslation()
  const [isOver, setIsOver] = useState(false)
  const input = useId()
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setIsOver(false)
    uploads.add(event.dataTransfer.files)
  }
  const over = (event: DragEvent) => {
    event.preventDefault()
    setIsOver(true)
  }
  return (
    <div className={isOver ? 'drop over' : 'drop'} onDragOver={over} onDragLeave={() => setIsOver(false)} onDrop={drop}>
      {uploads.uploads.length > 0 && (
        <ul className="uploads" aria-live="polite">
          {uploads.uploads.map((one) => (
            <UploadLine key={one.key} upload={one} onRemove={() => uploads.remove(one.key)} />
          ))}
        </ul>
      )}
      <div className="buttons">
        {children}
        <label className="button" htmlFor={input}>
          <Icon name="clip" /> {t('attach')}
        </label>
        <input
          id={input}
          className="visually-hidden"
          type="file"
          multiple
          onChange={(event) => {
            uploads.add(event.target.files ?? [])
            event.target.value = ''
          }}
        />
        <span className="hint">{t('dropHint')}</span>
      </div>
    </div>
  )
}

function UploadLine({ upload, onRemove }: { upload: Upload; onRemove: () => void }) {
  const { t } = useTranslation()
  const label = useLabels()
  const { size } = useFormat()
  return (
    <li className={upload.state}>
      <Icon name={upload.state === 'uploaded' ? 'check' : 'file'} />
      <span className="upload-name">{upload.name}</span>
      <span className="muted">
        {size(upload.size)}, {upload.state === 'refused' ? upload.message : t(upload.state)}
        {upload.warnings.map((warning) => ` – ${label('DocumentWarning', warning)}`)}
      </span>
      <button type="button" className="icon-button" aria-label={t('labelled', { label: t('remove'), value: upload.name })} onClick={onRemove}>
        <Icon name="close" />
      </button>
    </li>
  )
}
