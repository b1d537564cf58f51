import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { all, bearer, converse, first, pause, socketUrl } from './conversation.mjs'
import { resuming } from './resuming.mjs'

export const connected = (token) =>
  resuming(createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: () => bearer(token),
    retryAttempts: token ? 0 : Infinity,
    retryWait: () => pause(),
    shouldRetry: () => true,
  }))

export const closeCode = (token = 'worthless') =>
  first(connected(token), '{ __typename }').catch((closed) => ({ closed: closed.code, reason: closed.reason }))

if (process.argv[1].endsWith('graphql_ws.mjs')) {
  const client = connected()
  await converse({
    ask: (document, variables) => first(client, document, variables),
    follow: (document, variables, next) => all(client, document, variables, next),
    intrude: () => closeCode(),
  })
}
