"""Who calls, and what they may do.

:mod:`sigv4` and :mod:`sigv2` check that a request was signed with the key that it names; :mod:`principals` knows whose
key it is; :mod:`actions` says what IAM is asked for a call, :mod:`policies` evaluates documents, :mod:`authorizer`
decides.
"""

from __future__ import annotations

from headwater.local.identity.principals import Credentials, Identity, Principal

__all__ = ["Credentials", "Identity", "Principal"]
