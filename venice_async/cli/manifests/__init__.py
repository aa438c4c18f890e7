"""Manifests: many requests in one file (JSON Lines, JSON, YAML or CSV), read without asking a server."""
