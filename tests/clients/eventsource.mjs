import { EventSource } from 'eventsource'
import { bearer, converse, overHttp, url } from './conversation.mjs'

const withHeaders = (headers) => (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } })

function opened(document, variables, headers) {
  const place = new URL(url)
  place.searchParams.set('query', document)
  place.searchParams.set('variables', JSON.stringify(variables))
  return new EventSource(place, { fetch: withHeaders(headers) })
}

await converse({
  ask: overHttp(bearer()),
  intrude: () =>
    new Promise((resolve) => {
      const source = opened('{ __typename }', {}, bearer('worthless'))
      source.addEventListener('error', ({ code }) => {
        source.close()
        resolve({ status: code })
      })
    }),
  follow: (document, variables, next) =>
    new Promise((resolve) => {
      const source = opened(document, variables, bearer())
      source.addEventListener('next', ({ data }) => next(JSON.parse(data)))
      source.addEventListener('complete', () => {
        source.close()
        resolve()
      })
    }),
})
