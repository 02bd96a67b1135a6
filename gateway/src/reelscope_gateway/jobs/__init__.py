"""What a job is and how it is done, without HTTP or gRPC.

In the order in which a job lives: `service` takes it in (`sources`, `submission`), `worker` picks it up, `runner` leads it
through `media_step`, `fanout`, `collector` and `document`; `records` keeps its state, `events` tells the world.
"""
