import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, Observable, gql } from '@apollo/client'
import { CombinedGraphQLErrors, ServerError } from '@apollo/client/errors'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { print } from 'graphql'
import { bearer, converse, pause, url } from './conversation.mjs'
import { connected as bySse } from './graphql_sse.mjs'
import { connected as byWebSocket } from './graphql_ws.mjs'

const transport = process.argv[2]

// Apollo's HTTP link asks for multipart by itself.
function subscriptions(http) {
  if (transport === 'multipart') return http
  if (transport === 'ws') return new GraphQLWsLink(byWebSocket())
  const client = bySse()
  return new ApolloLink(({ query, variables }) =>
    new Observable((sink) => client.subscribe({ query: print(query), variables }, sink)))
}

function connected(token) {
  const http = new HttpLink({ uri: url, headers: bearer(token) })
  const isSubscription = ({ operationType }) => operationType === 'subscription'
  return new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(isSubscription, subscriptions(http), http),
    defaultOptions: { query: { fetchPolicy: 'network-only', errorPolicy: 'all' }, mutate: { errorPolicy: 'all' } },
  })
}

const client = connected()

async function ask(document, variables, from = client) {
  const parsed = gql(document)
  const asked = document.startsWith('mutation')
    ? from.mutate({ mutation: parsed, variables })
    : from.query({ query: parsed, variables })
  const { data, error } = await asked
  return {
    data,
    errors: CombinedGraphQLErrors.is(error) ? error.errors : undefined,
    status: ServerError.is(error) ? error.statusCode : undefined,
  }
}

// Until the end of the stream; whether it was also the end of the operation.
const once = (document, variables, next) =>
  new Promise((resolve) => {
    let failed = false
    client.subscribe({ query: gql(document), variables, fetchPolicy: 'no-cache' }).subscribe({
      next(result) {
        if (result.error) failed = true
        else next(result)
      },
      error: () => resolve(false),
      complete: () => resolve(!failed),
    })
  })

await converse({
  ask,
  intrude: () => ask('{ __typename }', {}, connected('worthless')),
  async follow(document, variables, next) {
    const keep = (result) => {
      variables = { ...variables, after: result.data.workflowEvents.cursor }
      next(result)
    }
    while (!(await once(document, variables, keep))) await pause()
  },
})
