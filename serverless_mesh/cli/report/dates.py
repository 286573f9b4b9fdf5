"""Until when a certificate is valid."""

from datetime import UTC, datetime

from mesh_policy.reading.values import text
from mesh_policy.reading.x509 import validity


def until(pem: str) -> str | None:
    """Describe a certificate in PEM by its end, None for any other text."""
    found = validity(pem) if "-----BEGIN CERTIFICATE-----" in pem else None
    return f"a certificate, valid until {day(found[1])}" if found else None


def day(moment: datetime) -> str:
    """Write the day of a moment, in UTC."""
    return moment.astimezone(UTC).date().isoformat()


def moment(written: object) -> datetime | None:
    """Read a moment as plugins write it, None for what is none."""
    try:
        found = datetime.fromisoformat(text(written))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
