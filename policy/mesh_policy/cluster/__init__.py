"""The Kubernetes API as plain data: connections, answers, and errors that may pass."""
