// Sets up the code editor: the page's accent (style.css sets it for the rest) and lines that wrap in a narrow window.

import * as monaco from 'monaco-graphql/esm/monaco-editor.js'

const ACCENT = { light: '#3d4ed8', dark: '#8490f7' }
const PAPER = { light: '#ffffff', dark: '#212a3b' }
const BASE = { light: 'vs', dark: 'vs-dark' }

export const editorTheme = { light: 'casegate-light', dark: 'casegate-dark' }

for (const [mode, name] of Object.entries(editorTheme)) {
  const tint = `${ACCENT[mode]}1f`
  monaco.editor.defineTheme(name, {
    base: BASE[mode],
    inherit: true,
    rules: [{ token: 'argument.identifier.gql', foreground: ACCENT[mode] }],
    colors: {
      // The page's own paper shows through.
      'editor.background': '#ffffff00',
      'scrollbar.shadow': '#ffffff00',
      'editorWidget.background': PAPER[mode],
      'editorHoverWidget.background': PAPER[mode],
      'editorSuggestWidget.background': PAPER[mode],
      'menu.background': PAPER[mode],
      'quickInput.background': PAPER[mode],
      focusBorder: ACCENT[mode],
      'textLink.foreground': ACCENT[mode],
      'textLink.activeForeground': ACCENT[mode],
      'list.highlightForeground': ACCENT[mode],
      'list.focusHighlightForeground': ACCENT[mode],
      'list.hoverBackground': tint,
      'editorSuggestWidget.selectedBackground': tint,
      'editorSuggestWidget.selectedForeground': ACCENT[mode],
      'quickInputList.focusBackground': tint,
      'menu.selectionBackground': tint,
      'menu.selectionForeground': ACCENT[mode],
    },
  })
}

monaco.editor.onDidCreateEditor((editor) => editor.updateOptions({ wordWrap: 'on' }))
