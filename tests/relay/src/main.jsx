// The page: who one is, the worklist, and one case of it. The token stands in the address, behind #, and is sent nowhere else.

import { Suspense, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { RelayEnvironmentProvider } from 'react-relay'
import { environmentOf } from './environment.js'
import { Timeline } from './Timeline.jsx'
import { Worklist } from './Worklist.jsx'

const token = location.hash.slice(1)

function Page() {
  const [opened, open] = useState(null)
  if (!token) return <p>Open this page with a token behind #, as scripts/serve prints it.</p>
  return (
    <Suspense fallback={<p>One moment.</p>}>
      {opened === null ? <Worklist filter={null} onOpen={open} /> : <Timeline caseId={opened} />}
      {opened !== null && <button onClick={() => open(null)}>All cases</button>}
    </Suspense>
  )
}

createRoot(document.getElementById('root')).render(
  <RelayEnvironmentProvider environment={environmentOf(token)}>
    <Page />
  </RelayEnvironmentProvider>,
)
