"""The dashboard: pages for people, made on the server, over the same use cases as the API."""
