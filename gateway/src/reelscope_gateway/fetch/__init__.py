"""Downloads: yt-dlp in a child process that is limited in time and bytes, and errors by cause."""
