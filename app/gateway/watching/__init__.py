"""What goes on: streams of a run, of lists, of changes, of batches, and the poll for who cannot stream."""
