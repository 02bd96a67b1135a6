"""What processes say to one another: tasks, events, records and objects."""
