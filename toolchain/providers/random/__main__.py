"""Serve the stand-in plugin `random`."""

from toolchain.providers.plugin import serve
from toolchain.providers.random.provider import Random

if __name__ == "__main__":
    serve(Random)
