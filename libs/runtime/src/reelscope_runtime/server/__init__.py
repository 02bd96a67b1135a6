"""A service process: what runs a task (`tasks`), who asks for it (`worker`, `grpc_server`), and what holds them (`service`)."""
