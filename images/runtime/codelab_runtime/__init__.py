"""The runtime: sessions, the event log, turns, tool calls and approvals."""
