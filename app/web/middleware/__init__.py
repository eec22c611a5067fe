"""ASGI middleware: security headers, CORS, and a fast path past the router."""
