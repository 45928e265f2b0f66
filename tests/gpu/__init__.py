"""What only a GPU can show: run wherever torch sees CUDA, and left out elsewhere."""
