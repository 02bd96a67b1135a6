"""What is behind the people: its look, and when it becomes another one."""
