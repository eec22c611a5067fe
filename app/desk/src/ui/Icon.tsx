// The icons, drawn with lines in the colour of the text. Each stands beside words or in a button with a name.

const PATHS = {
  close: 'M6 6l12 12M18 6L6 18',
  search: 'M11 5a6 6 0 1 1 0 12a6 6 0 0 1 0-12M15.5 15.5L20 20',
  back: 'M14 6l-6 6l6 6',
  plus: 'M12 5v14M5 12h14',
  file: 'M7 3h7l4 4v14H7zM14 3v4h4',
  clip: 'M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.5 17a1.7 1.7 0 0 1-2.4-2.4L14.5 7',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  minus: 'M6 12h12',
  circle: 'M12 5a7 7 0 1 1 0 14a7 7 0 1 1 0-14',
  warning: 'M12 4l9 16H3zM12 10v4M12 17v.5',
} as const

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
