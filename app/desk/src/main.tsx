import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

import { App } from './app/App'
import { LanguageProvider } from './i18n/language'
import './styles/index.css'

const root = document.getElementById('root')
if (!root) throw new Error('the page has no place for the Desk')

createRoot(root).render(
  <StrictMode>
    <LanguageProvider>
      <App />
    </LanguageProvider>
  </StrictMode>,
)
