"""What the server allows, kept on our side: pure budgets, and what an answer's headers teach them."""

from venice_async.limits.budgets import AccountGate, FailureBudget, Permit, RateLimits, RequestBudget, RetryBudget
from venice_async.limits.headers import RateHeaders

__all__ = ["AccountGate", "FailureBudget", "Permit", "RateHeaders", "RateLimits", "RequestBudget", "RetryBudget"]
