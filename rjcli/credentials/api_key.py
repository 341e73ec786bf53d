"""An API key that does not show itself."""

from typing import TYPE_CHECKING, NoReturn, Self

from rjcli.credentials.redaction import MASK, plain_forms, secret_pattern
from rjcli.errors import UsageError

if TYPE_CHECKING:
    import re

API_KEY_VARIABLE = "RJCLI_API_KEY"
MAX_KEY_CHARACTERS = 1024


class ApiKey:
    """An API key that shows itself only when it is asked to.

    It can be copied and compared, but not pickled.
    """

    __slots__ = ("_forms", "_pattern", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._forms: tuple[str, ...] | None = None
        self._pattern: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Make a key of text; ``name`` says where it is from.

        Raises UsageError, which does not echo the text, for anything but up to
        1024 printable ASCII characters without spaces.
        """
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise UsageError(f"{name} is empty, or has spaces or unprintable characters in it")
        if len(text) > MAX_KEY_CHARACTERS:
            raise UsageError(f"{name} is longer than {MAX_KEY_CHARACTERS} characters")
        return cls(text)

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("an API key is not written anywhere")

    def reveal(self) -> str:
        """The key itself, for the one request that needs it."""
        return self._text

    def redact(self, text: str) -> str:
        """Take the key, in every form of ``secret_pattern``, out of text that came from outside."""
        if self._pattern is None:
            self._pattern = secret_pattern(self._text)  # takes milliseconds, and few runs need it
        return self._pattern.sub(MASK, text)

    def mask(self, text: str) -> str:
        """Take the key, in its ``plain_forms``, out of text of rjcli's own, in no time."""
        if self._forms is None:
            self._forms = plain_forms(self._text)
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text
