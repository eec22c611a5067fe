// Bundles the page into dist/. package.json pins a rollup whose packages for all platforms are published, since `npm ci`
// refuses a lock that lacks one of them.

import { defineConfig } from 'vite'

import { compressAssets } from '../graphiql/compress.js'

export default defineConfig({
  // Where app/web/desk.py serves the page.
  base: '/desk/',
  plugins: [compressAssets()],
  esbuild: { jsx: 'automatic' },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // The policy of the page allows no script, style or font of a data: address.
    assetsInlineLimit: 0,
  },
})
