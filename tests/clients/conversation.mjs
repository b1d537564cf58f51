// What each client does here, said as lines of JSON on standard output: ask, start, be refused, follow a run to its end.
import process from 'node:process'

export const url = process.env.TIDELINE_URL
export const socketUrl = url.replace('http', 'ws')
export const bearer = (token = process.env.TIDELINE_TOKEN) => ({ Authorization: `Bearer ${token}` })
export const pause = (milliseconds = 200) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const VIEWER = '{ viewer { tenant } }'
const START = `mutation ($id: String!) {
  startWorkflow(input: {workflowType: "Nothing", workflowId: $id, taskQueue: "nobody"}) {
    created execution { workflowId } userErrors { code }
  }
}`
const REFUSED = `mutation ($id: String!) {
  startWorkflow(input: {workflowType: "PriceSyncWorkflow", workflowId: $id}) { userErrors { code message path } }
}`
const EVENTS = `subscription ($id: String!, $after: Cursor) {
  workflowEvents(workflowId: $id, after: $after) { cursor isLast event { eventId } }
}`

export const say = (said) => console.log(JSON.stringify(said))

// `ask(document, variables)` gives {data, errors}; `follow(document, variables, next)` is done when the operation is
// over; `intrude()` comes with a token that is worth nothing, and gives what it was told.
export async function converse({ ask, follow, intrude }) {
  const id = process.env.WORKFLOW_ID
  say({ query: await ask(VIEWER, {}) })
  say({ mutation: await ask(START, { id }) })
  say({ refused: await ask(REFUSED, { id: `${id}-refused` }) })
  say({ wrong: await ask('{ nothing }', {}) })
  say({ intruder: await intrude() })
  await follow(EVENTS, { id }, (result) => say({ event: result.data.workflowEvents.event.eventId }))
  say({ complete: true })
  process.exit()
}

// The first answer of a client whose operations are a stream of answers.
export const first = (client, query, variables) =>
  new Promise((resolve, reject) => {
    let answer
    client.subscribe({ query, variables }, {
      next: (result) => { answer = result },
      error: (error) => (Array.isArray(error) ? resolve({ errors: error }) : reject(error)),
      complete: () => resolve(answer),
    })
  })

// Done when the operation is over.
export const all = (client, query, variables, next) =>
  new Promise((resolve, reject) => client.subscribe({ query, variables }, { next, error: reject, complete: resolve }))

export const overHttp = (headers) => async (query, variables) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  })
  return response.json()
}
