// Serves the page and leads /graphql and /documents to a gateway: GATEWAY=http://localhost:8000 npm start

import { transformAsync } from '@babel/core'
import relay from 'babel-plugin-relay'
import { defineConfig } from 'vite'

const gateway = process.env.GATEWAY ?? 'http://localhost:8000'
const proxy = { '/graphql': gateway, '/documents': gateway }

// Puts what relay-compiler has made in the place of each graphql`…`.
const artifacts = {
  name: 'relay-artifacts',
  enforce: 'pre',
  async transform(code, id) {
    if (!id.endsWith('.jsx')) return null
    const { code: done, map } = await transformAsync(code, {
      filename: id,
      configFile: false,
      babelrc: false,
      parserOpts: { plugins: ['jsx'] },
      plugins: [[relay, { eagerEsModules: true }]],
      sourceMaps: true,
    })
    return { code: done, map }
  },
}

export default defineConfig({
  plugins: [artifacts],
  esbuild: { jsx: 'automatic' },
  server: { proxy },
  preview: { proxy },
})
