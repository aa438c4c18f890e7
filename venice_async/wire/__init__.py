"""The API's language: values to calls, answers to values or errors. No I/O here.

`exchange` has the plain request and answer, `calls` makes requests, `replies` reads good answers,
`failures` reads bad ones. A wallet's account has its calls and answers in `wallet`; `payments` reads what a 402 asks.
"""
