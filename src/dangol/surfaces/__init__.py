"""Where people and services meet dangol: HTTP API, web pages, command line."""
