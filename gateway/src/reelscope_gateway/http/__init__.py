"""The gateway over HTTP: JSON, multipart uploads, server-sent events. Thin over `jobs`."""
