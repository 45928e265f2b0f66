"""The HTTP edge: addresses, status codes and bodies over the use cases. FastAPI and Starlette live here only."""
