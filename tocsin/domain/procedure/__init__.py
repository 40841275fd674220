"""What does the organisation's written procedure say? Its model, its forms, its checks."""

from tocsin.domain.procedure.default import default
from tocsin.domain.procedure.markdown import from_markdown, to_markdown
from tocsin.domain.procedure.plain import FormError, from_plain, to_plain

__all__ = ["FormError", "default", "from_markdown", "from_plain", "to_markdown", "to_plain"]
