"""The storyboard engine: no language model; measured facts (`window`) put into sentences (`sentences`)."""
