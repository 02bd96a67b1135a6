"""`reelscope analyze`: which clips (`inputs`), the work (`clips`, `session`), what is shown of it (`progress`, `findings`,
`summary`) and written (`outputs`)."""
