// Fetches a document by its link, which is good for some minutes and for whoever has it: it is asked for when it is needed,
// and kept in no cache.

import type { Client } from '@urql/core'
import { useEffect, useState } from 'react'

import { graphql } from '../gql'
import { canBeShown, release, toShown, type Shown } from './content'

const LINK = graphql(`
  query DocumentLink($id: ID!) {
    node(id: $id) {
      __typename
      ... on Document {
        id
        url
      }
    }
  }
`)

type Content = { link: string; shown: Shown | null } | 'loading' | 'gone'

export function useContent(client: Client, { id, contentType }: { id: string; contentType: string }): Content {
  const [content, setContent] = useState<Content>('loading')
  useEffect(() => {
    const ending = new AbortController()
    let shown: Shown | null = null
    const load = async () => {
      const link = await linkOf(client, id)
      if (canBeShown(contentType)) {
        const response = await fetch(link, { signal: ending.signal })
        if (!response.ok) throw new Error(response.statusText)
        shown = await toShown(await response.arrayBuffer(), contentType)
      }
      if (ending.signal.aborted) release(shown)
      else setContent({ link, shown })
    }
    load().catch(() => ending.signal.aborted || setContent('gone'))
    return () => {
      ending.abort()
      release(shown)
    }
  }, [client, id, contentType])
  return content
}

// The link names the gateway as other clients reach it; this page is served by the same one.
async function linkOf(client: Client, id: string): Promise<string> {
  const { data, error } = await client.query(LINK, { id }, { requestPolicy: 'network-only' }).toPromise()
  const url = data?.node?.__typename === 'Document' ? data.node.url : null
  if (!url) throw error ?? new Error('erased')
  const { pathname, search } = new URL(url)
  return pathname + search
}
