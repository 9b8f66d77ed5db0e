"""What a model can say about a picture: one package a task, each with result type, decoder and metrics."""
