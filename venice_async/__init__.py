"""Asyncio-native SDK and job orchestrator for the Venice.ai video API."""
