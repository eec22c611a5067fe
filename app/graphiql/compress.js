// Compresses what was built, once and as small as it goes, for app/web/built_pages.py to send to browsers that take it.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const LEAST_BYTES = 1024
const TEXTS = /\.(css|js|svg|ttf)$/
const ENCODERS = {
  '.br': (content) =>
    promisify(brotliCompress)(content, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
    }),
  '.gz': (content) => promisify(gzip)(content, { level: 9 }),
}

async function compress(path) {
  const content = await readFile(path)
  if (content.length < LEAST_BYTES) return
  for (const [suffix, encode] of Object.entries(ENCODERS)) {
    const encoded = await encode(content)
    if (encoded.length < content.length) await writeFile(path + suffix, encoded)
  }
}

export function compressAssets() {
  let folder
  return {
    name: 'compress-assets',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir, config.build.assetsDir)
    },
    async closeBundle() {
      const names = await readdir(folder)
      await Promise.all(names.filter((name) => TEXTS.test(name)).map((name) => compress(join(folder, name))))
    },
  }
}
