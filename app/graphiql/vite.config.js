// Bundles the page into dist/. package.json pins graphql 16, which all of GraphiQL's parts take, and a rollup whose
// packages for all platforms are published, since `npm ci` refuses a lock that lacks one of them.

import { defineConfig } from 'vite'

import { compressAssets } from './compress.js'
import { translateInterface } from './translate.js'

export default defineConfig({
  // Where app/web/graphiql.py serves the page; relative addresses would miss, since the page has no trailing slash.
  base: '/graphiql/',
  plugins: [translateInterface(), compressAssets()],
  esbuild: { jsx: 'automatic' },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // The editor alone is larger than the default limit, and it is served from the machine that runs it.
    chunkSizeWarningLimit: 5000,
    rollupOptions: {
      // "use client" means nothing to a page without server components: a hundred lines that would hide a real warning.
      onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning),
    },
  },
})
