"""Whom to trust: the certificate authorities of the machine, and those of the company."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import certifi

from rjcli.errors import UsageError

_FILE_VARIABLE, _DIRECTORY_VARIABLE = "SSL_CERT_FILE", "SSL_CERT_DIR"


def trust(ca_file: str | None, environ: Mapping[str, str]) -> ssl.SSLContext:
    """Verify servers by the machine's certificate authorities, and those in a file of PEM.

    SSL_CERT_FILE and SSL_CERT_DIR replace the machine's authorities; where it has
    none, certifi's are used. Raises UsageError if any of these cannot be read.
    """
    file = environ.get(_FILE_VARIABLE)
    directories = environ.get(_DIRECTORY_VARIABLE)
    # OpenSSL reads what the variables name, and ignores what is missing.
    context = ssl.create_default_context()
    if file:
        _load(context, file, _FILE_VARIABLE)
    if directories and not any(map(os.path.isdir, directories.split(os.pathsep))):
        raise UsageError(f"{_DIRECTORY_VARIABLE} names no directory: {directories}")
    if not (file or directories or _machine_has_authorities()):
        _load(context, certifi.where(), "certifi")
    if ca_file is not None:
        _load(context, ca_file, "the CA file")
    return context


def _machine_has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    # None where none exists, whatever typeshed says.
    file, directory = cast("str | None", paths.cafile), cast("str | None", paths.capath)
    return file is not None or (directory is not None and any(Path(directory).iterdir()))


def _load(context: ssl.SSLContext, file: str, name: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except (OSError, ValueError) as error:
        reason = "no certificate in it"
        # OpenSSL's errors are OSErrors, with numbers of their own.
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            reason = error.strerror or reason
        raise UsageError(
            f"cannot use {name}, {file}: {reason}", hint="it must hold certificates, in PEM"
        ) from None
