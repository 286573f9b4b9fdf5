"""Serve the stand-in plugin `tls`."""

from toolchain.providers.plugin import serve
from toolchain.providers.tls.provider import Tls

if __name__ == "__main__":
    serve(Tls)
