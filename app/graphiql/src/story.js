// The tabs that the page opens with: one supplier's case from opening to the log, and administration, each tab as the
// right person.

import { admin, headersOf, opener, reviewer } from './config.js'
import { language, word } from './language.js'
import { actorOf } from './memory.js'
import frenchStory from './words/fr.story.json'

const texts = import.meta.glob('./story/*.graphql', { query: '?raw', import: 'default', eager: true })

// In the order of the files; a file that is not named here needs no variables and is run by the opener.
const variables = {
  '03-open-case': {
    input: {
      subject: {
        type: 'COMPANY_ACCOUNT_CHECK',
        externalRef: '$fresh',
        label: 'Atelier Delmas SARL',
        countryCode: 'FR',
        evaluationStatus: 'ANOMALY',
      },
      title: word('New bank account announced by e-mail'),
      description: word('The holder of the new account does not match the name on file.'),
    },
  },
  '04-add-evidence': {
    input: { caseId: '$case', body: word('Called back on the number of the contract: the treasurer confirms the change.') },
  },
  '05-work-on-case': {
    input: { caseId: '$case', step: 'CALL_BACK', state: 'DONE', comment: word('The treasurer, by the number of 2019.') },
    assign: { caseId: '$case', assigneeId: '$reviewer' },
    due: { caseId: '$case', dueAt: '$tomorrow' },
    together: {
      inputs: [
        { addComment: { caseId: '$case', body: word('Written to the bank.') } },
        { setDueDate: { caseId: '$case', dueAt: null } },
      ],
      onError: 'STOP',
    },
    id: '$case',
  },
  '06-request-override': {
    input: {
      caseId: '$case',
      requestedStatus: 'FAVORABLE',
      reviewerIds: ['$reviewer'],
      reason: word('The account holder is the parent company, see the call above.'),
    },
  },
  '07-accept-my-own': {
    input: { caseId: '$case', overrideId: '$override', expectedVersion: '$version', comment: word('Fine by me.') },
  },
  '08-accept-as-reviewer': {
    input: {
      caseId: '$case',
      overrideId: '$override',
      expectedVersion: '$version',
      comment: word('Checked against the register: same group.'),
    },
  },
  '09-close-case': { input: { caseId: '$case', comment: word('Nothing left to do.') } },
  '10-read-the-log': { id: '$case' },
  '13-administer': {
    invite: { email: '$address', displayName: 'Zoé Martin', roles: ['REVIEWER'] },
    approve: { changeId: '$change' },
    service: { displayName: word('Check system'), roles: ['CONTRIBUTOR'] },
    token: { userId: '$service', scopes: ['CASES_READ', 'CASES_WRITE'] },
    delegate: { delegateId: '$reviewer', endsAt: '$tomorrow' },
    end: { userId: '$viewer' },
  },
}
const actors = { '08-accept-as-reviewer': reviewer, '13-administer': admin }

// The comment that a tab begins with, in the language of the page; what is sent is the same.
function commented(name, query) {
  if (language !== 'fr') return query
  const lines = query.split('\n')
  const rest = lines.slice(lines.findIndex((line) => !line.startsWith('#')))
  const [number, , count] = /\d+ of \d+/.exec(lines[0])[0].split(' ')
  const [first, ...others] = frenchStory[name]
  return [`# ${number} sur ${count} · ${first}`, ...others.map((line) => `# ${line}`), ...rest].join('\n')
}

export const tabs = Object.entries(texts).map(([path, query]) => {
  const name = path.slice('./story/'.length, -'.graphql'.length)
  return {
    query: commented(name, query),
    variables: variables[name] ? JSON.stringify(variables[name], null, 2) : null,
    headers: headersOf(actorOf(/^(?:query|mutation|subscription) (\w+)/m.exec(query)[1]) ?? actors[name] ?? opener),
  }
})
