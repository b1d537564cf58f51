import { createClient } from 'graphql-sse'
import { all, bearer, converse, first, pause, url } from './conversation.mjs'
import { resuming } from './resuming.mjs'

export const connected = (token) =>
  resuming(createClient({ url, headers: () => bearer(token), retryAttempts: token ? 0 : Infinity, retry: () => pause() }))

export const status = (token = 'worthless') =>
  first(connected(token), '{ __typename }').catch((error) => ({ status: error.response.status }))

if (process.argv[1].endsWith('graphql_sse.mjs')) {
  const client = connected()
  await converse({
    ask: (document, variables) => first(client, document, variables),
    follow: (document, variables, next) => all(client, document, variables, next),
    intrude: () => status(),
  })
}
