"""How scores were taken: figures of unlike protocols are never compared."""

from typing import Any

OWN = ("sample_seed",)  # what may differ: luck, not the way of scoring
NOTED = ("arithmetic",)  # groups that say how a run was made, not how it was scored


def differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return in words where two protocols differ; nothing where their figures can be compared.

    A group of scores that just one of them has, such as the likelihood of a VAE, keeps nobody from comparing the rest.
    """
    found = []
    for group in sorted((first.keys() & second.keys()) - set(NOTED)):
        for key in sorted(first[group].keys() | second[group].keys()):
            ours, theirs = first[group].get(key), second[group].get(key)
            if ours != theirs and key not in OWN:
                found.append(f"{group}.{key}: {_told(ours)} against {_told(theirs)}")
    return found


def _told(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
