"""The gateway: client connections, authentication, framing, resume. Keeps no state of its own."""
