"""Every shape that crosses a wire: frames, commands, events, and the two internal hops."""
