"""The pages, one module each: what is read for them, and what their forms do."""
