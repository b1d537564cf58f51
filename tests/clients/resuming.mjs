// A client of graphql-ws or graphql-sse that, whenever it connects again, goes on behind the last update.
export const resuming = (client) => ({
  ...client,
  subscribe(payload, sink) {
    const request = { ...payload, variables: { ...payload.variables } }
    return client.subscribe(request, {
      next(result) {
        const [update] = Object.values(result.data ?? {})
        if (update?.cursor) request.variables.after = update.cursor
        sink.next(result)
      },
      error: (error) => sink.error(error),
      complete: () => sink.complete(),
    })
  },
})
