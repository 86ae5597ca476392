"""The contract of codelab-agent: what two deployables, or three services, must agree on."""
