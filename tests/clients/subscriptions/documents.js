// What is on the screen, and what follows it.
export const QUERY = `query Live($id: ID!) { case(id: $id) { __typename id version status } }`;
export const SUBSCRIPTION = `subscription Follow($id: ID!) { caseChanged(id: $id) { __typename id version status } }`;

export function print(found) {
  if (found) console.log(JSON.stringify({ version: found.version, status: found.status }));
}
