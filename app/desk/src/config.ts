// What the gateway wrote into the page (app/web/built_pages.py): the API's address, whether it makes case files and, in demo
// mode alone, people with their tokens.

export type DemoPerson = {
  id: string
  display_name: string
  email: string
  roles: ReadonlyArray<'CONTRIBUTOR' | 'REVIEWER' | 'ADMIN'>
  token: string
}

type Config = { endpoint: string; people: readonly DemoPerson[]; hasCaseFiles: boolean }

export const config: Config = JSON.parse(document.getElementById('casegate-config')?.textContent ?? '{}')
