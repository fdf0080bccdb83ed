"""What packages say of their license in free words, as SPDX expressions."""

import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# Names that are no SPDX identifiers, as metadata, trove classifiers and people write them.
NAMES = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd license": "BSD",
    "gplv2 with linking exception": "GPL-2.0-only WITH GCC-exception-2.0",  # the words of libgit2 are those of GCC
    "gplv2 | eplv1": "GPL-2.0-only OR EPL-1.0",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "new bsd": "BSD-3-Clause",
    "python software foundation license": "PSF-2.0",
    "zope public license": "ZPL-2.1",
}
# Words by which a license is known in its own text.
TEXTS = {
    r"Permission is hereby granted, free of charge, to any person obtaining a copy": "MIT",
    r"Redistribution and use in source and binary forms, with or without modification, are permitted": "BSD",
    r"Apache License,? Version 2\.0": "Apache-2.0",
    r"Mozilla Public License,? (Version|v\.) 2\.0": "MPL-2.0",
}
# Terms that make a license other than open, whatever is said beside them.
CLOSED = {
    r"Business Source License|\bBUSL\b": "BUSL-1.1",
    r"Server Side Public License|\bSSPL\b": "SSPL-1.0",
    r"Commons Clause": "LicenseRef-Commons-Clause",
    r"Elastic License": "Elastic-2.0",
    r"PolyForm": "LicenseRef-PolyForm",
    r"Attribution-? ?Non-?Commercial|CC[- ]BY[- ]NC|for non-?commercial (use|purposes|research)": "CC-BY-NC-4.0",
}


def expression_of(statement: str) -> str | None:
    """Return the SPDX expression of a license's name, expression or text, or None where it is not understood."""
    closed = closed_terms(statement)
    if closed:
        return closed
    words = " ".join(statement.split())
    if words.lower() in NAMES:
        return NAMES[words.lower()]
    try:
        return canonicalize_license_expression(words)
    except (InvalidLicenseExpression, ValueError):
        found = [name for text, name in TEXTS.items() if re.search(text, words, re.IGNORECASE)]
        return " AND ".join(dict.fromkeys(found)) or None


def closed_terms(text: str) -> str | None:
    """Return what makes a license other than open, if there is anything."""
    words = " ".join(text.split())
    found = (name for terms, name in CLOSED.items() if re.search(terms, words, re.IGNORECASE))
    return next(found, None)
