// A text of some lines with its label.

type Properties = { label: string; value: string; isRequired?: boolean; rows?: number; onChange: (value: string) => void }

const LENGTH_MAX = 10_000

export function TextArea({ label, value, isRequired = false, rows = 4, onChange }: Properties) {
  return (
    <label>
      {label}
      <textarea
        value={value}
        rows={rows}
        maxLength={LENGTH_MAX}
        required={isRequired}
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  )
}
