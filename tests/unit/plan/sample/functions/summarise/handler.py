"""A handler."""


def handler(event: object, context: object) -> None:
    """Do nothing."""
