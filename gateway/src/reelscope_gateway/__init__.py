"""Gateway: jobs over HTTP and gRPC, downloads, fan-out, aggregation."""
