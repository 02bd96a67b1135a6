"""The gateway over gRPC. Thin over `jobs`."""
