// Sets up the code editor: the page's accent (style.css sets it for the rest), lines that wrap in a narrow window, and
// placeholders that are no mistakes.

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

// A placeholder in the variables stands for a value of any type, as "$version" for an integer: that it is a text is no
// mistake. The words are those of memory.js.
const PLACEHOLDER = /^"\$(case|fresh|override|reviewer|version)"$/

monaco.editor.onDidChangeMarkers((resources) => {
  for (const resource of resources) {
    const model = monaco.editor.getModel(resource)
    const markers = monaco.editor.getModelMarkers({ resource, owner: 'json' })
    const mistakes = markers.filter((marker) => !PLACEHOLDER.test(model?.getValueInRange(marker)))
    if (model && mistakes.length < markers.length) monaco.editor.setModelMarkers(model, 'json', mistakes)
  }
})
