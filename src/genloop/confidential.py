"""Files that hold what looks like a secret: they are kept out of whatever is handed on.

The patterns are those that hardly anything else fits: keys by the forms that their makers gave them, and values that
are assigned to a name such as password. What only a person can tell to be secret, nobody finds here.
"""

import re
from pathlib import PurePath

from genloop.masking import environment_secrets

KEYS = re.compile(
    rb"""-----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY(?:\ BLOCK)?-----
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                         # Amazon
    | \bgh[pousr]_[0-9A-Za-z]{36,} | \bgithub_pat_\w{22,}   # GitHub
    | \bglpat-[\w-]{20,}                                    # GitLab
    | \bxox[abeoprs]-[\w-]{10,}                             # Slack
    | \b(?:sk|rk|pk)_live_\w{16,} | \bsk-[\w-]{20,}         # Stripe and others
    | \bAIza[\w-]{35}                                       # Google
    | \bhf_[0-9A-Za-z]{30,} | \bnpm_[0-9A-Za-z]{36} | \bpypi-[\w-]{50,}
    | \beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}            # JSON Web Token
    | ://[^\s/:@'"{}<>$*]*:[^\s/@'"{}<>$*]+@                # user:password@ in an address
    """,
    re.VERBOSE,
)
NAME = r"""[\w.-]*(?:password|passwd|passphrase|secret|token|api_?key|access_?key|credential)[\w-]*"""
QUOTED = re.compile(rf"""(?i)\b{NAME}["']?\s*(?::\s*\w+\s*)?[:=]\s*[rbf]?(["'])([^\s"'{{}}<>$*]{{8,}})\1""")
BARE = re.compile(rf"""(?im)^\s*(?:export\s+|-\s+)?{NAME}\s*[:=]\s*([^\s"'{{}}<>$*\[(,]{{8,}})\s*(?:\#.*)?$""")
NOT_SECRET = re.compile(
    r"[A-Z][A-Z_]*|[\w.-]*(?:example|changeme|placeholder)[\w.-]*|[a-z]+(?:[._][a-z]+)+|https?://.*"
)
CODE = {".py", ".pyi"}  # where a bare word is a name, and no value
FILES = re.compile(
    r"(?i)(?:\.env(?:\..*)?|\.netrc|\.pypirc|\.pgpass|\.htpasswd|id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:pem|p12|pfx|keystore|jks))"
)
SHORTEST = 6  # letters of a secret of the environment that are looked for


def holds_secret(name: str, content: bytes) -> bool:
    """Return whether a file holds what looks like a secret, by its name, its text or what the environment holds."""
    plain = content.replace(b"\0", b"").lstrip(b"\xff\xfe\xef\xbb\xbf")  # so that UTF-16 can be read too
    if FILES.fullmatch(PurePath(name).name) or KEYS.search(plain):
        return True
    text = plain.decode("utf-8", errors="replace")
    values = [found[2] for found in QUOTED.finditer(text)]
    if PurePath(name).suffix not in CODE:
        values += [found[1] for found in BARE.finditer(text)]
    if any(not NOT_SECRET.fullmatch(value) for value in values):
        return True
    known = [secret for secret in environment_secrets() if len(secret) >= SHORTEST]
    return any(re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text) for secret in known)
