// Puts GraphiQL on the page with the story's tabs, the explorer and a strip that tells what the placeholders stand for.

import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import '@graphiql/plugin-explorer/style.css'
import './style.css'

import { explorerPlugin } from '@graphiql/plugin-explorer'
import { GraphiQL } from 'graphiql'
import { createRoot } from 'react-dom/client'

import { headersOf, isDemo, opener } from './config.js'
import { editorTheme } from './editor.js'
import { fetcher } from './fetcher.js'
import icon from './icon.svg'
import { storage } from './storage.js'
import { tabs } from './story.js'
import { Strip } from './strip.jsx'

// No history plugin: it stores the headers of all that was sent, tokens too, even where headers are not to be stored.
const plugins = [explorerPlugin({ showAttribution: false })]

createRoot(document.getElementById('root')).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    defaultTabs={tabs}
    defaultHeaders={headersOf(opener)}
    defaultEditorToolsVisibility={isDemo ? 'variables' : 'headers'}
    showPersistHeadersSettings={!isDemo}
    plugins={plugins}
    editorTheme={editorTheme}
    schemaDescription
  >
    <GraphiQL.Logo>
      <span className="casegate-logo">
        <img src={icon} alt="" /> <span>Casegate</span>
      </span>
    </GraphiQL.Logo>
    <GraphiQL.Footer>
      <Strip />
    </GraphiQL.Footer>
  </GraphiQL>,
)
