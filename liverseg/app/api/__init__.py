"""Named endpoints for other programs, over HTTP and MCP."""
