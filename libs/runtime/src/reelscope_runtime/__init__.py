"""What every Reelscope process is built from.

In the order in which data flows: `settings`, `logging`, `errors`, `metrics`, `tracing`; `media` decodes, `models` loads,
`engine` computes, `bus` carries, `server` puts them together into a service.
"""
