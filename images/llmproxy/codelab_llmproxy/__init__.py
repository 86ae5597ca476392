"""The LLM proxy: providers and their dialects, inferences that outlive their readers."""
