// Reads what app/web/graphiql.py wrote into the page: the API's address and, in demo mode only, the demo people.

const config = JSON.parse(document.getElementById('casegate-config').textContent)

export const endpoint = config.endpoint
export const people = config.people
export const isDemo = people.length > 0

// The story needs somebody who may both ask and decide: the refusal to accept one's own request shows only then.
export const opener =
  people.find(({ roles }) => roles.includes('CONTRIBUTOR') && roles.includes('REVIEWER')) ?? people[0]

const others = people.filter((person) => person !== opener && person.roles.includes('REVIEWER'))
export const reviewer = others.find(({ roles }) => !roles.includes('CONTRIBUTOR')) ?? others[0]

export const admin = people.find(({ roles }) => roles.includes('ADMIN'))

export function headersOf(person) {
  return JSON.stringify({ Authorization: `Bearer ${person?.token ?? ''}` }, null, 2)
}

export function personIn(headers) {
  return people.find(({ token }) => headers?.includes(token))
}
