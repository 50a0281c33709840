"""Ways out of the house beside the socket: push, SMS and e-mail. What is said, and how one message is handed over.

Whom to call, when, and what became of it are rows: server/store/notices.py; server/notify.py brings both together.
"""
