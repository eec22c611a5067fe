// Filters with a name, kept in the browser for the person.

import { useState } from 'react'

export type SavedFilter = { name: string; query: string }

export function useSavedFilters(personId: string) {
  const place = `casegate.desk.filters.${personId}`
  const [saved, setSaved] = useState<readonly SavedFilter[]>(() => JSON.parse(localStorage.getItem(place) ?? '[]'))
  const change = (next: readonly SavedFilter[]) => {
    localStorage.setItem(place, JSON.stringify(next))
    setSaved(next)
  }
  const without = (name: string) => saved.filter((filter) => filter.name !== name)
  return {
    saved,
    save: (filter: SavedFilter) => change([...without(filter.name), filter]),
    remove: (name: string) => change(without(name)),
  }
}
