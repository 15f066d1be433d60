"""A handler."""


def main(event: object, context: object) -> None:
    """Do nothing."""
