"""What the documentation and the APIs fix: kinds, names, sections, and what differs by mesh."""
