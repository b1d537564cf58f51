import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { onEnd, pipe, subscribe } from 'wonka'
import { bearer, converse, pause, url } from './conversation.mjs'
import { connected as bySse } from './graphql_sse.mjs'
import { connected as byWebSocket } from './graphql_ws.mjs'

const transport = process.argv[2]

// urql asks for multipart and for server-sent events itself where it is told to fetch subscriptions.
function connected(token) {
  const options = { url, preferGetMethod: false, fetchOptions: () => ({ headers: bearer(token) }) }
  if (transport === 'fetch') return new Client({ ...options, fetchSubscriptions: true, exchanges: [fetchExchange] })
  const live = transport === 'sse' ? bySse(token) : byWebSocket(token)
  const forwardSubscription = (request) => ({
    subscribe: (sink) => ({ unsubscribe: live.subscribe(request, sink) }),
  })
  return new Client({ ...options, exchanges: [fetchExchange, subscriptionExchange({ forwardSubscription })] })
}

const answer = ({ data, error }) => ({
  data,
  errors: error?.graphQLErrors.length ? error.graphQLErrors : undefined,
  status: error?.response?.status,
})

const client = connected()

async function ask(document, variables, from = client) {
  const act = document.startsWith('mutation') ? 'mutation' : 'query'
  return answer(await from[act](document, variables, { requestPolicy: 'network-only' }).toPromise())
}

// Until the end of the stream. A multipart stream that is to be continued ends for urql like one that is over.
const once = (document, variables, next) =>
  new Promise((resolve) => {
    pipe(
      client.subscription(document, variables),
      onEnd(resolve),
      subscribe((result) => { if (!result.error && result.data) next(result) }),
    )
  })

await converse({
  ask,
  intrude: () => ask('{ __typename }', {}, connected('worthless')),
  async follow(document, variables, next) {
    let isLast = false
    const keep = (result) => {
      // urql gives its last result once more when the stream has ended.
      if (result.data.workflowEvents.cursor === variables.after) return
      variables = { ...variables, after: result.data.workflowEvents.cursor }
      isLast = result.data.workflowEvents.isLast
      next(result)
    }
    while (!isLast) {
      await once(document, variables, keep)
      await pause()
    }
  },
})
