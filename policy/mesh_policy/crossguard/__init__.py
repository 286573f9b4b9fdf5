"""The rules as policies of CrossGuard."""
