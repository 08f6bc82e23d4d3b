"""A .gsdd file that lies elsewhere: a few kilobytes to a few megabytes, fetched whole."""

from gsdd.errors import MissingExtraError, SourceError


def is_url(place: object) -> bool:
    """Tell whether a place is a URL, such as `https://host/ost.gsdd` or `s3://bucket/ost.gsdd`."""
    return isinstance(place, str) and "://" in place


def read_url(url: str) -> bytes:
    """Fetch a file through fsspec.

    Args:
        url: any protocol that fsspec knows.

    Returns:
        The file's bytes.

    Raises:
        MissingExtraError: the protocol needs a package that is not installed.
        SourceError: the file cannot be had.
    """
    try:
        import fsspec  # comes with torch, costs 0.1 s to import

        with fsspec.open(url, "rb") as handle:
            data: bytes = handle.read()
            return data
    except ImportError as error:
        raise MissingExtraError(f"{url}: {error}; pip install 'gsdd[remote]' for http, or the package named") from error
    except Exception as error:  # each protocol raises its own kinds
        raise SourceError(f"{url}: cannot be fetched: {type(error).__name__}: {error}") from error
